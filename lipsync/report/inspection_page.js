"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const text = data.text;
  const find = (id) => document.getElementById(id);
  const video = find("video"), other = find("video-source");
  const slider = find("position"), playhead = find("playhead"), readout = find("readout");
  const play = find("play"), flip = find("flip"), view = find("view");
  const fill = (template, values) =>
    template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

  // Some browsers seek only in videos that have a length in bytes: a blob has, a data URI has not.
  function asBlob(element) {
    const [head, body] = (element.getAttribute("src") || "").split(",", 2);
    if (!body) return;
    const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
    element.src = URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
    element.preload = "auto";
  }

  let frame = 0;
  const lastFrame = Math.max(0, data.frames - 1);
  const clock = (seconds) => {
    const hundredths = Math.floor(seconds * 100 + 1e-6);
    const two = (n) => String(n).padStart(2, "0");
    return `${Math.floor(hundredths / 6000)}:${two(Math.floor(hundredths / 100) % 60)}.` +
      two(hundredths % 100);
  };
  function likelihoodAt(at) {
    let best = null, nearest = Infinity;
    for (const [first, end, likelihood] of data.windows) {
      const far = Math.abs((first + end) / 2 - at);
      if (far < nearest) [nearest, best] = [far, likelihood];
    }
    return best;
  }
  function show(at) {
    frame = Math.min(lastFrame, Math.max(0, at));
    const here = likelihoodAt(frame);
    let words = fill(text.position_of, { time: clock(frame / data.fps), frame });
    if (here !== null) {
      words += ", " + fill(text.position_likelihood, { percent: Math.round(here * 100) });
    }
    slider.value = frame;
    slider.setAttribute("aria-valuetext", words);
    readout.textContent = words;
    if (playhead) playhead.style.left = `${(100 * (frame + 0.5)) / data.frames}%`;
    document.body.dataset.frame = frame;
  }
  const shown = () => Math.floor(video.currentTime * data.fps + 1e-3);
  // The middle of a frame: its edges may be rounded to the frame before.
  const middle = (at) => (at + 0.5) / data.fps;
  // One seek at a time: on a busy computer Chromium may never finish one that replaced another.
  let wanted = null;
  function seek(at) {
    show(at);
    wanted = middle(frame);
    goOn();
  }
  function goOn() {
    if (wanted === null || video.seeking) return;
    video.currentTime = wanted;
    wanted = null;
    align();
  }
  // The other video goes where this one is. While they play it may be a little off, and is put
  // right once a second at most: each time costs a slow computer more than it gains.
  let aligned = 0;
  function align() {
    if (!other) return;
    const end = other.duration || Infinity;
    const at = Math.min(video.currentTime, Math.max(0, end - 0.02));
    const off = Math.abs(other.currentTime - at), now = performance.now();
    if (other.seeking) return;
    if (!video.paused && (off < 0.08 || now - aligned < 1000)) return;
    if (off > 0.001) other.currentTime = at;
    aligned = now;
  }
  function step(frames) {
    video.pause();
    seek(frame + frames);
  }
  function toggle() {
    if (!video.paused) return video.pause();
    if (frame >= lastFrame) seek(0);
    video.play().catch(() => {});
    return undefined;
  }
  function follow() {
    show(shown());
    if (video.paused) return;
    align();
    requestAnimationFrame(follow);
  }

  function startPlayer() {
    [video, other].forEach((one) => one && asBlob(one));
    video.removeAttribute("controls");
    find("controls").hidden = find("slide").hidden = false;
    video.addEventListener("play", () => {
      play.textContent = text.pause;
      if (other) other.play().catch(() => {});
      follow();
    });
    video.addEventListener("pause", () => {
      play.textContent = text.play;
      if (other) other.pause();
      align();
    });
    video.addEventListener("seeked", () => {
      goOn();
      if (video.paused) align();
    });
    if (other) other.addEventListener("seeked", () => video.paused && align());
    video.addEventListener("click", toggle);
    if (other) other.addEventListener("click", toggle);
    play.addEventListener("click", toggle);
    find("back").addEventListener("click", () => step(-1));
    find("forward").addEventListener("click", () => step(1));
    slider.addEventListener("input", () => seek(Number(slider.value)));
    find("speed").addEventListener("change", (event) => {
      for (const one of [video, other]) if (one) one.playbackRate = Number(event.target.value);
    });
    find("sound").addEventListener("change", (event) => { video.muted = !event.target.checked; });
    const choose = find("choose");
    if (choose) choose.addEventListener("change", () => {
      if (!choose.files.length) return;
      video.src = URL.createObjectURL(choose.files[0]);
      video.hidden = false;
      find("no-video").hidden = true;
    });
  }

  // The two videos: one, both, or one in the place of the other.
  function arrange() {
    const mode = view.value, flipped = flip.getAttribute("aria-pressed") === "true";
    find("screens").classList.toggle("both", mode === "both");
    find("screen-a").hidden = mode === "flip" && flipped;
    find("screen-b").hidden = mode === "a" || (mode === "flip" && !flipped);
    flip.hidden = mode !== "flip";
    align();
  }
  function flipOver() {
    if (view.value !== "flip") view.value = "flip";
    else flip.setAttribute("aria-pressed", flip.getAttribute("aria-pressed") !== "true");
    arrange();
  }

  // Anything with the time along its width: press or drag to go there.
  function followPointer(plot) {
    const go = (event) => {
      const box = plot.getBoundingClientRect();
      seek(Math.floor(((event.clientX - box.left) / box.width) * data.frames));
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      plot.setPointerCapture(event.pointerId);
      go(event);
    });
    plot.addEventListener("pointermove", (event) => {
      if (plot.hasPointerCapture(event.pointerId)) go(event);
    });
  }

  const heats = [...document.querySelectorAll(".heat-toggle")];
  function showHeat(box) {
    box.closest(".block").classList.toggle("no-heat", !box.checked);
  }
  function flipHeat() {
    const on = !heats.some((box) => box.checked);
    for (const box of heats) { box.checked = on; showHeat(box); }
  }
  function nextMoment() {
    const next = data.moments.find((at) => at > frame);
    if (data.moments.length) step((next === undefined ? data.moments[0] : next) - frame);
  }

  // Show it in the video, which may be far up the page; Escape leads back.
  let cameFrom = null;
  function watchMoment(button) {
    cameFrom = button;
    step(Number(button.dataset.frame) - frame);
    find("screens").scrollIntoView({ block: "start" });
    slider.focus({ preventScroll: true });
  }
  function goBack() {
    if (cameFrom) cameFrom.focus();
    cameFrom = null;
  }

  function onKey(event) {
    if (!find("shortcuts").checked || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target, tag = at.tagName;
    if (tag === "SELECT" || (tag === "INPUT" && at.type === "file")) return;
    const second = Math.round(data.fps);
    const actions = {
      ArrowLeft: () => step(event.shiftKey ? -second : -1),
      ArrowRight: () => step(event.shiftKey ? second : 1),
      " ": toggle, k: toggle, j: () => seek(frame - 2 * second), l: () => seek(frame + 2 * second),
      n: nextMoment, h: flipHeat, Escape: goBack, b: view ? flipOver : undefined,
    };
    // Space presses what has the focus, and a table that scrolls takes the arrows.
    const pressable = /^(BUTTON|SUMMARY|A)$/.test(tag) || at.type === "checkbox";
    if (event.key === " " && pressable) return;
    if (event.key.startsWith("Arrow") && at.classList.contains("scroll")) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  // A link to a question opens it.
  function openTarget() {
    const target = location.hash.length > 1 && find(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  }

  startPlayer();
  if (view) {
    view.addEventListener("change", arrange);
    flip.addEventListener("click", flipOver);
    arrange();
  }
  document.querySelectorAll(".plot").forEach(followPointer);
  heats.forEach((box) => box.addEventListener("change", () => showHeat(box)));
  document.querySelectorAll(".moment").forEach((button) => {
    button.addEventListener("click", () => watchMoment(button));
  });
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", openTarget);
  openTarget();
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details.block").forEach((one) => { one.open = true; });
  });
  show(0);
})();
