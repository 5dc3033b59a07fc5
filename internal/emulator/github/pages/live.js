setInterval(async () => {
  const live = document.getElementById("live");
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh || fresh.innerHTML === live.dataset.last) return;
    live.dataset.last = fresh.innerHTML;
    live.querySelectorAll("details[open]").forEach((d) => {
      const same = d.closest("[id]") && fresh.querySelector("#" + CSS.escape(d.closest("[id]").id) + " details");
      if (same) same.open = true;
    });
    live.replaceChildren(...fresh.childNodes);
  } catch {
    // the emulator was stopped: the page stays as it is
  }
}, 1000);
