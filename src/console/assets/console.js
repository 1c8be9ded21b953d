// The console works without this. It copies ids, keeps a live page up to date, and sends no form twice.
"use strict";
document.documentElement.classList.add("js");
const say = (text) => { document.getElementById("said").textContent = text; };

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Without TLS a browser lets no page copy: what is to be copied is selected.
    getSelection().selectAllChildren(button.previousElementSibling);
    say("Selected " + button.dataset.copy + ", to be copied by the keyboard");
    return;
  }
  button.classList.add("done");
  say("Copied " + button.dataset.copy);
  setTimeout(() => button.classList.remove("done"), 1500);
});

document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button[type=submit]")) {
    setTimeout(() => { button.disabled = true; }, 0);
  }
});
// A page that comes back from the browser's memory may be sent again.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[type=submit]")) button.disabled = false;
});

// Puts what a part shows now in its place, with what is opened in it.
function renew(part, now) {
  const opened = [...part.querySelectorAll("details")].map((details) => details.open);
  for (const [place, details] of now.querySelectorAll("details").entries()) details.open = opened[place] ?? details.open;
  part.replaceChildren(...now.childNodes);
}

const main = document.querySelector("main[data-live]");
if (main) {
  let tag = "";
  const again = () => setTimeout(look, Number(main.dataset.live));
  const look = async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", look, { once: true });
      return;
    }
    try {
      const headers = { "console-live": "1" };
      if (tag) headers["if-none-match"] = tag;
      const answer = await fetch(location.href, { headers, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect") return location.reload();
      if (answer.status === 200) {
        tag = answer.headers.get("etag") || "";
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (!page.querySelector("main[data-live]")) return end(page.querySelector("main"));
        for (const part of document.querySelectorAll("[data-part]")) {
          const now = page.querySelector(`[data-part="${part.dataset.part}"]`);
          if (now && now.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) renew(part, now);
        }
      }
    } catch {
      // The service is away for a moment; the page says what it last knew.
    }
    again();
  };
  // It changes no more: all of it is shown, with what can be done next, and the outcome is told.
  const end = (now) => {
    if (!now) return location.reload();
    renew(main, now);
    main.removeAttribute("data-live");
    say(main.querySelector(".state")?.parentElement.textContent.trim() ?? "");
  };
  again();
}
