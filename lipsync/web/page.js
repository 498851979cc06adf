"use strict";
// The parts of the page that Gradio has none for: the player of two pictures, the queue.
(() => {
  const text = window.lipsyncTexts;
  const fill = (template, values) =>
    template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const make = (tag, properties = {}, ...children) => {
    const { attributes = {}, ...rest } = properties;
    const made = Object.assign(document.createElement(tag), rest);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const button = (words, pressed, properties = {}) => {
    const made = make("button", { type: "button", textContent: words, ...properties });
    made.addEventListener("click", pressed);
    return made;
  };
  const clock = (seconds) => {
    const hundredths = Math.floor(seconds * 100 + 1e-6);
    const two = (n) => String(n).padStart(2, "0");
    return `${Math.floor(hundredths / 6000)}:${two(Math.floor(hundredths / 100) % 60)}.` +
      two(hundredths % 100);
  };
  const span = (seconds) => {
    const whole = Math.max(1, Math.round(seconds));
    const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
    return minutes ? fill(text.minutes, { minutes, seconds: rest }) : fill(text.seconds, { seconds: rest });
  };

  // One video holds the original, the result and close-ups of both, so that they cannot drift
  // apart; a canvas shows the part that is wanted. `layout` gives the parts as [x, y, w, h], pixels.
  class Player extends HTMLElement {
    connectedCallback() {
      // When it shows something new, Gradio empties the element and changes its attributes.
      const watch = new MutationObserver(() => this.start());
      watch.observe(this, { childList: true, attributeFilter: ["src"] });
      this.addEventListener("keydown", (event) => this.press(event));
      this.start();
    }
    start() {
      if (this.source === this.getAttribute("src") && this.querySelector(".lp")) return;
      this.source = this.getAttribute("src");
      this.replaceChildren();
      const name = this.getAttribute("name") || "";
      this.fps = Number(this.getAttribute("fps")) || 25;
      this.layout = JSON.parse(this.getAttribute("layout") || "null");
      this.wanted = null;
      this.frame = 0;
      this.build(name);
      this.video.addEventListener("loadeddata", () => this.draw());
      this.video.addEventListener("seeked", () => { this.goOn(); this.draw(); });
      this.video.addEventListener("play", () => { this.play.textContent = text.player_pause; this.follow(); });
      this.video.addEventListener("pause", () => { this.play.textContent = text.player_play; this.draw(); });
      this.video.src = this.source;
    }
    build(name) {
      this.video = make("video", { playsInline: true, preload: "auto", tabIndex: -1, className: "lp-source",
        attributes: { "aria-hidden": "true" } });
      this.canvas = make("canvas", { attributes: { role: "img", "aria-label": text.view_both } });
      this.captions = make("div", { className: "lp-captions", attributes: { "aria-hidden": "true" } });
      this.play = button(text.player_play, () => this.toggle(), { className: "lp-play" });
      this.slider = make("input", { type: "range", min: 0, step: 1, value: 0,
        attributes: { "aria-label": text.player_position } });
      this.slider.addEventListener("input", () => this.step(Number(this.slider.value) - this.frame));
      this.readout = make("span", { className: "lp-readout" });
      this.view = make("select", { attributes: { "aria-label": text.player_view } },
        ...["both", "flip", "mouth"].map((one) => make("option", { value: one, textContent: text[`view_${one}`] })));
      this.view.addEventListener("change", () => this.arrange());
      this.flip = button(text.player_flip, () => this.turn(), { attributes: { "aria-pressed": "false" } });
      this.sound = make("input", { type: "checkbox", checked: true });
      this.sound.addEventListener("change", () => { this.video.muted = !this.sound.checked; });
      this.append(make("div", { className: "lp", tabIndex: 0, attributes: {
        role: "group", "aria-label": fill(text.player_label, { name }) } },
        this.captions, make("div", { className: "lp-screen" }, this.video, this.canvas),
        make("div", { className: "lp-row" }, this.play,
          button("−1", () => this.step(-1), { attributes: { "aria-label": text.player_back, title: text.player_back } }),
          button("+1", () => this.step(1), { attributes: { "aria-label": text.player_forward, title: text.player_forward } }),
          this.slider, this.readout),
        make("div", { className: "lp-row" }, this.view, this.flip,
          make("label", {}, this.sound, ` ${text.view_sound}`)),
        make("p", { className: "lp-keys", textContent: text.player_keys })));
      this.arrange();
    }
    get last() { return Math.max(0, Math.round((this.video.duration || 0) * this.fps) - 1); }
    get flipped() { return this.flip.getAttribute("aria-pressed") === "true"; }
    // Under the names of the parts that are shown.
    arrange() {
      const mode = this.view.value;
      this.view.hidden = this.captions.hidden = !this.layout;
      this.flip.hidden = mode !== "flip";
      const both = [text.player_original, text.player_result];
      const words = mode === "flip" ? [both[this.flipped ? 1 : 0]] : both;
      this.captions.replaceChildren(...words.map((one) => make("span", { textContent: one })));
      this.canvas.setAttribute("aria-label",
        `${this.view.selectedOptions[0].textContent}: ${words.join(", ")}`);
      this.dataset.view = mode;
      this.dataset.shown = mode === "flip" ? (this.flipped ? "result" : "original") : "both";
      this.draw();
    }
    parts() {
      if (!this.layout) return [[0, 0, this.video.videoWidth, this.video.videoHeight]];
      const { original, result, original_mouth: left, result_mouth: right } = this.layout;
      if (this.view.value === "flip") return [this.flipped ? result : original];
      return this.view.value === "mouth" && left ? [left, right] : [original, result];
    }
    draw() {
      if (this.video.readyState < 2) return;
      if (!this.video.seeking) this.note(Math.floor(this.video.currentTime * this.fps + 1e-3));
      const parts = this.parts();
      const [width, height] = [parts.reduce((sum, one) => sum + one[2], 0), parts[0][3]];
      if (this.canvas.width !== width || this.canvas.height !== height) {
        Object.assign(this.canvas, { width, height });
      }
      const context = this.canvas.getContext("2d");
      let left = 0;
      for (const [x, y, w, h] of parts) {
        context.drawImage(this.video, x, y, w, h, left, 0, w, h);
        left += w;
      }
    }
    note(frame) {
      this.frame = Math.min(this.last, Math.max(0, frame));
      this.slider.max = this.last;
      this.slider.value = this.frame;
      const words = fill(text.player_frame, { time: clock(this.frame / this.fps), frame: this.frame });
      this.slider.setAttribute("aria-valuetext", words);
      this.readout.textContent = words;
      this.dataset.frame = this.frame;
    }
    follow() {
      this.draw();
      if (!this.video.paused) requestAnimationFrame(() => this.follow());
    }
    // One seek at a time: on a busy computer Chromium may never finish one that replaced another.
    seek(frame) {
      this.note(frame);
      this.wanted = (this.frame + 0.5) / this.fps;
      this.goOn();
    }
    goOn() {
      if (this.wanted === null || this.video.seeking) return;
      this.video.currentTime = this.wanted;
      this.wanted = null;
    }
    step(frames) { this.video.pause(); this.seek(this.frame + frames); }
    toggle() {
      if (!this.video.paused) return this.video.pause();
      if (this.frame >= this.last) this.seek(0);
      return this.video.play().catch(() => {});
    }
    turn() {
      if (!this.layout) return;
      if (this.view.value !== "flip") this.view.value = "flip";
      else this.flip.setAttribute("aria-pressed", String(!this.flipped));
      this.arrange();
    }
    press(event) {
      const typing = event.target.matches("select, input, button");
      const moves = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
        Home: () => this.step(-this.frame), End: () => this.step(this.last - this.frame) };
      const letters = { " ": () => this.toggle(), b: () => this.turn(),
        v: () => { this.view.selectedIndex = (this.view.selectedIndex + 1) % 3; this.arrange(); },
        m: () => this.sound.click() };
      const done = event.ctrlKey || event.altKey || event.metaKey ? null
        : moves[event.key] && !event.target.matches("select, input") ? moves[event.key]
        : letters[event.key] && !(typing && event.key === " ") && !event.target.matches("select")
          ? letters[event.key] : null;
      if (!done) return;
      event.preventDefault();
      done();
    }
  }
  customElements.define("lipsync-player", Player);

  const OPEN = ["PENDING", "PROCESSING"];
  const show = (one) => {
    const place = document.getElementById("result-player");
    const player = document.createElement("lipsync-player");
    const extras = one.lipsyncExtras || [];
    player.setAttribute("src", extras.includes("compare") ? `/v2/outputs/${one.id}.compare.mp4` : one.outputUrl);
    player.setAttribute("name", one.outputFileName || one.id);
    player.setAttribute("fps", one.lipsyncResult.fps);
    player.setAttribute("layout", JSON.stringify(one.lipsyncResult.compare || null));
    place.replaceChildren(make("h3", { textContent: one.outputFileName || one.id }), player);
    player.querySelector(".lp").focus();
  };

  // What is waiting, being rendered, or done. It is the service's own list, so that it is the same
  // after the page was closed, or the service restarted.
  class Queue extends HTMLElement {
    connectedCallback() {
      this.known = new Map();
      this.list = make("ul", { className: "lq" });
      this.empty = make("p", { textContent: text.queue_empty });
      this.said = make("p", { className: "lq-said", attributes: { role: "status" } });
      this.replaceChildren(this.said, this.empty, this.list);
      this.stopped = false;
      this.again();
    }
    disconnectedCallback() { this.stopped = true; clearTimeout(this.timer); }
    async again() {
      let soon = 3000;
      try {
        const answer = await fetch("/v2/generations?limit=50");
        if (!answer.ok) throw new Error(answer.status);
        const found = await answer.json();
        if (this.lost) this.say("");
        this.lost = false;
        this.update(found);
        if (found.some((one) => OPEN.includes(one.status))) soon = 700;
      } catch {
        this.lost = true;
        this.say(text.lost);
      }
      if (!this.stopped) this.timer = setTimeout(() => this.again(), soon);
    }
    say(words) { if (this.said.textContent !== words) this.said.textContent = words; }
    update(found) {
      this.empty.hidden = found.length > 0;
      const ids = new Set(found.map((one) => one.id));
      for (const [id, item] of this.known) if (!ids.has(id)) { item.remove(); this.known.delete(id); }
      found.forEach((one, place) => {
        let item = this.known.get(one.id);
        if (!item) {
          item = make("li", { id: one.id });
          this.known.set(one.id, item);
        }
        if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] || null);
        this.fill(item, one);
      });
    }
    fill(item, one) {
      const name = one.outputFileName || one.id;
      if (item.dataset.status !== one.status) {
        const before = item.dataset.status;
        const held = item.contains(document.activeElement);
        item.dataset.status = one.status;
        item.replaceChildren(make("h3", { textContent: name }), make("p", { className: "lq-state" }),
          make("progress", { max: 1, hidden: one.status !== "PROCESSING", attributes: { "aria-label": name } }),
          make("div", { className: "lp-row" }, ...this.buttons(one, name)));
        if (held) item.querySelector("button, a")?.focus();
        if (before && OPEN.includes(before)) {
          this.say(`${name}: ${text[`state_${one.status}`]}`);
          if (one.status === "COMPLETED") show(one);
        }
      }
      item.querySelector(".lq-state").textContent = this.describe(item, one);
    }
    describe(item, one) {
      if (one.status === "PROCESSING") return this.describeWork(item, one);
      const words = [text[`state_${one.status}`]];
      if (one.error && one.status !== "CANCELED") words.push(one.error);
      if (one.status === "COMPLETED" && one.finishedAt && one.startedAt) {
        const took = (Date.parse(one.finishedAt) - Date.parse(one.startedAt)) / 1000;
        words.push(fill(text.queue_made, { time: span(took) }), ...one.warnings);
      }
      return words.join("; ");
    }
    describeWork(item, one) {
      const bar = item.querySelector("progress");
      const { stage, done, total } = one.progress || {};
      if (!stage) { bar.removeAttribute("value"); return text.state_starting; }
      const now = performance.now() / 1000;
      if (item.dataset.stage !== stage) Object.assign(item.dataset, { stage, began: now, from: done });
      if (!total) { bar.removeAttribute("value"); return fill(text.progress_stage, { stage }); }
      bar.value = done / total;
      const percent = Math.floor((100 * done) / total);
      const rate = (done - item.dataset.from) / (now - item.dataset.began);
      if (!(rate > 0) || now - item.dataset.began < 1) return fill(text.progress, { stage, percent });
      return fill(text.progress_left, { stage, percent, time: span((total - done) / rate) });
    }
    buttons(one, name) {
      const label = (words) => ({ attributes: { "aria-label": `${words}: ${name}` } });
      const tell = async (path, request) => { await fetch(path, request); clearTimeout(this.timer); this.again(); };
      const made = [];
      if (OPEN.includes(one.status)) {
        made.push(button(text.queue_cancel, () => tell(`/v2/generate/${one.id}/cancel`, { method: "POST" }),
          label(text.queue_cancel)));
        return made;
      }
      if (one.status === "COMPLETED") {
        made.push(button(text.queue_show, () => show(one), label(text.queue_show)));
        const file = (suffix, words) => make("a", { href: `/v2/outputs/${one.id}${suffix}`, textContent: words,
          download: `${name}${suffix}`, ...label(words) });
        made.push(file(".mp4", text.queue_download));
        if ((one.lipsyncExtras || []).includes("sheet")) made.push(file(".sheet.png", text.queue_sheet));
        if ((one.lipsyncExtras || []).includes("compare")) {
          made.push(file(".compare.mp4", text.queue_compare));
        }
        made.push(file(".mp4.json", text.queue_record));
      } else {
        const request = {};
        for (const key of ["model", "input", "options", "segments", "outputFileName", "lipsyncOptions",
          "lipsyncSpans", "lipsyncExtras"]) if (one[key] != null) request[key] = one[key];
        made.push(button(text.queue_again, () => tell("/v2/generate", { method: "POST",
          headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) }),
          label(text.queue_again)));
      }
      made.push(button(text.queue_delete, () => {
        if (window.confirm(text.queue_delete_sure)) tell(`/v2/generate/${one.id}`, { method: "DELETE" });
      }, label(text.queue_delete)));
      return made;
    }
  }
  customElements.define("lipsync-queue", Queue);
})();
