// What only exists once a page is shown: regions that scroll can be reached by keyboard, and no two of the
// navigations have the same name.
document$.subscribe(() =>
  requestAnimationFrame(() => {
    for (const region of document.querySelectorAll(".md-typeset__scrollwrap, .highlight-ipynb, .md-typeset pre, .md-typeset pre > code"))
      if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
    const seen = new Map();
    for (const navigation of document.querySelectorAll("nav")) {
      const name = navigation.getAttribute("aria-label") ?? "Code";
      seen.set(name, (seen.get(name) ?? 0) + 1);
      if (seen.get(name) > 1 || !navigation.hasAttribute("aria-label"))
        navigation.setAttribute("aria-label", `${name} ${seen.get(name)}`);
    }
  }),
);
