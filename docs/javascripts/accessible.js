// What only exists once a page is shown: regions that scroll can be reached by keyboard, and no two of the
// navigations have the same name.
document$.subscribe(() =>
  requestAnimationFrame(() => {
    for (const region of document.querySelectorAll(".md-typeset__scrollwrap, .highlight-ipynb, .md-typeset pre, .md-typeset pre > code"))
      if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
    const taken = new Set(); // screen readers do not tell upper from lower case
    for (const navigation of document.querySelectorAll("nav")) {
      const title = (navigation.getAttribute("aria-label") ?? "Code").trim();
      let name = title;
      for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${title} ${number}`;
      taken.add(name.toLowerCase());
      navigation.setAttribute("aria-label", name);
    }
  }),
);
