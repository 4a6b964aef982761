// Questions to the server of the page: docs/formats.md describes the JSON.

/** The server refuses a question and says why. */
export class Refused extends Error {}

/** Ask a question; resolves to the answer, which is an object, or the text of a page. */
export async function ask(name, question) {
  const response = await fetch(`api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question),
  });
  if (response.ok && response.headers.get("Content-Type").startsWith("text/html")) return response.text();
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error);
  return answer;
}

/** Return a function that runs one task at a time; of those that come meanwhile, only the newest is run. */
export function newestOnly(onError) {
  let isRunning = false;
  let waiting = null;
  return async function run(task) {
    if (isRunning) {
      waiting = task;
      return;
    }
    isRunning = true;
    try {
      await task();
    } catch (error) {
      onError(error);
    }
    isRunning = false;
    const next = waiting;
    waiting = null;
    if (next) await run(next);
  };
}

/** Say so when the server has ended: what is on the page then does not belong to what is typed. */
export function watchServer(notice, message, onReturn) {
  let ended = false;
  async function check() {
    let answers = false;
    try {
      const response = await fetch("alive", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      answers = response.ok;
    } catch {
      answers = false;
    }
    if (answers === !ended) return;
    ended = !answers;
    notice.textContent = ended ? message : "";
    document.documentElement.classList.toggle("server-ended", ended);
    if (!ended) onReturn();
  }
  setInterval(check, 2000);
}
