// Browsers start no worker on a page that comes from the disk: there the search runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.url = new URL(url, location);
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      const run = (script) =>
        new Promise((resolve, reject) => {
          const element = this.inside.document.createElement("script");
          element.src = new URL(script, this.url);
          element.onload = resolve;
          element.onerror = reject;
          this.inside.document.body.append(element);
        });
      this.inside.importScripts = (...scripts) =>
        scripts.reduce((before, script) => before.then(() => run(script)), Promise.resolve());
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.running = run(this.url);
    }

    postMessage(data) {
      this.running.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
