// What a style sheet decides and a canvas cannot read by itself: colors, fonts, motion.
const NUM_COLORS = 7;

/** Return the colors of the page in its present scheme: light, dark or forced. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const color = (name) => style.getPropertyValue(name).trim();
  return {
    ink: color("--ink"),
    ground: color("--card"),
    accent: color("--accent"),
    other: color("--group-other"),
    groups: Array.from({ length: NUM_COLORS }, (_, k) => color(`--group-${k}`)),
    family: style.fontFamily,
  };
}

/** Call a function whenever the scheme of the page changes. */
export function onThemeChange(change) {
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", change);
  }
}

export const prefersStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
