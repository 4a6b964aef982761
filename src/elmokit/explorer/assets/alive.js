// Says so when the server has ended: what is on the page then does not belong to what is typed.
(() => {
  const notice = document.createElement("div");
  notice.id = "server-ended";
  notice.setAttribute("role", "alert");
  let ended = false;

  async function check() {
    let answers = false;
    try {
      const response = await fetch("/alive", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      answers = response.ok;
    } catch (error) {
      answers = false;
    }
    if (answers === !ended) return;
    ended = !answers;
    notice.textContent = ended
      ? "The server has ended, and this page shows its last answer. Start elmokit explore again and reload the page."
      : "";
    document.documentElement.classList.toggle("server-ended", ended);
  }

  document.addEventListener("DOMContentLoaded", () => document.body.prepend(notice));
  if (document.body) document.body.prepend(notice);
  setInterval(check, 2000);
})();
