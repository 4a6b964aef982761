// The state of a page, kept in the fragment of its address, which never leaves the machine.

/** Return the state that the address holds. */
export const readAddress = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

/** Keep the state in the address; empty values are left out. With `step`, "back" returns to the state before. */
export function writeAddress(state, { step = false } = {}) {
  const kept = Object.entries(state).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const fragment = new URLSearchParams(kept).toString();
  if (fragment === location.hash.slice(1)) return;
  try {
    history[step ? "pushState" : "replaceState"](null, "", `#${fragment}`);
  } catch {
    // A page inside a notebook has no address of its own.
  }
}
