// The page of a studio. The server holds all state: events say what has changed, and cards show it.

const element = (id) => document.getElementById(id);
const cards = new Map(); // by the id of their job
const AUDIO = /\.(wav|wave|w64|flac|mp3|m4a|m4b|mp4|aac|ogg|oga|opus|aif|aiff|aifc|wma|wv|ape|au|mkv|webm|mov|avi)$/i;
const UPLOADS = 2; // at the same time
const STEP = 5; // seconds after which more of a track is offered to be heard

// The API

async function call(method, path, body) {
  const options = { method };
  if (body) Object.assign(options, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(problem(await answer.text(), answer.status));
  return answer.status === 204 ? null : answer.json();
}

function problem(text, status) {
  try {
    return JSON.parse(text).error;
  } catch {
    return `the studio answered with ${status}`;
  }
}

function upload(file, card) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    card.abort = () => request.abort();
    request.upload.onprogress = (event) => card.showUpload(event.loaded / (event.total || 1));
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText));
      else reject(new Error(problem(request.responseText, request.status)));
    };
    request.onerror = () => reject(new Error("the connection to the studio broke"));
    request.onabort = () => reject(new Error("cancelled"));
    request.open("POST", `api/uploads?name=${encodeURIComponent(file.name)}`);
    request.send(file);
  });
}

// Times

function clock(seconds) {
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const digits = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${digits(minutes)}:${digits(whole % 60)}` : `${minutes}:${digits(whole % 60)}`;
}

// Seconds of a text such as 90, 1:30 or 0:01:30. null if it is empty.
function seconds(text, what) {
  if (!text.trim()) return null;
  const parts = text.trim().split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d*)?$/.test(part))) {
    throw new Error(`${what}: expected seconds, M:SS or H:MM:SS, got "${text}"`);
  }
  return parts.reduce((sum, part) => 60 * sum + Number(part), 0);
}

// Options

function chosenOptions() {
  const boxes = [...element("target-boxes").querySelectorAll("input")];
  const targets = boxes.filter((box) => box.checked).map((box) => box.value);
  const twoStems = element("two-stems").value || null;
  if (!targets.length && !twoStems) throw new Error("choose at least one stem");
  return {
    targets: twoStems || targets.length === boxes.length ? null : targets,
    two_stems: twoStems,
    format: element("format").value,
    subtype: (!element("subtype-field").hidden && element("subtype").value) || null,
    bitrate: (!element("bitrate-field").hidden && element("bitrate").value) || null,
    start: seconds(element("start").value, "From") ?? 0,
    duration: seconds(element("duration").value, "Length"),
    time_limit: seconds(element("time-limit").value, "Time limit"),
  };
}

function showFields() {
  const format = element("format").value;
  element("subtype-field").hidden = !["wav", "flac"].includes(format);
  element("bitrate-field").hidden = !["mp3", "m4a", "opus"].includes(format);
  for (const box of element("target-boxes").querySelectorAll("input")) box.disabled = element("two-stems").value !== "";
}

function showTargets(about) {
  element("model").textContent = `Model: ${about.model}.`;
  for (const target of about.targets) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: target, checked: true });
    label.append(box, target);
    element("target-boxes").append(label);
    const rest = target === "vocals" ? "instrumental" : `no_${target}`;
    element("two-stems").append(new Option(`${target} and ${rest}`, target));
  }
}

// Tracks

class Card {
  constructor(name) {
    this.root = element("card").content.cloneNode(true).firstElementChild;
    this.find = (selector) => this.root.querySelector(selector);
    this.job = null;
    this.offered = 0; // seconds that the audio element has
    this.setName(name);
    this.find(".cancel").onclick = () => (this.job ? this.send("POST", "/cancel") : this.abort?.());
    this.find(".retry").onclick = () => this.send("POST", "/retry");
    this.find(".remove").onclick = () => (this.job ? this.send("DELETE") : this.remove());
    this.find(".open").onclick = () => this.togglePlayers();
    this.find(".hear select").onchange = () => this.offer(true);
    this.find("audio").onended = () => this.goOn();
    this.showState("waiting", "queued");
    element("queue").prepend(this.root);
    showNone();
  }

  setName(name) {
    this.name = name;
    this.find("h3").textContent = name;
    const labels = { cancel: "Cancel", retry: "Retry", remove: "Remove", zip: "All stems (ZIP) of", open: "Open the players of" };
    for (const [kind, text] of Object.entries(labels)) this.find(`.${kind}`).setAttribute("aria-label", `${text} ${name}`);
    this.find("progress").setAttribute("aria-label", `Progress of ${name}`);
    this.find("audio").setAttribute("aria-label", `Player of ${name}`);
  }

  async send(method, action = "") {
    try {
      await call(method, `api/jobs/${this.job.id}${action}`);
    } catch (error) {
      this.find(".error").textContent = error.message;
    }
  }

  remove() {
    this.root.remove();
    showNone();
  }

  showUpload(part) {
    this.showState(part < 1 ? `uploading, ${Math.floor(100 * part)} %` : "uploaded", "running");
    this.find("progress").value = part;
  }

  showFailure(text) {
    this.showState(text === "cancelled" ? text : "failed", text === "cancelled" ? text : "failed");
    this.find(".error").textContent = text === "cancelled" ? "" : `${text}: ${this.name}`;
    this.find(".retry").hidden = true;
  }

  showState(text, state) {
    const unfinished = state === "queued" || state === "running";
    this.root.className = `card ${state}`;
    this.find(".state").textContent = text;
    this.find("progress").hidden = state !== "running";
    this.find(".cancel").hidden = !unfinished;
    this.find(".retry").hidden = state !== "failed" && state !== "cancelled";
    this.find(".remove").hidden = unfinished;
    this.find(".take").hidden = state !== "done";
    this.find(".hear").hidden = true;
  }

  show(job) {
    const before = this.job;
    this.job = job;
    if (job.name !== this.name) this.setName(job.name); // characters that no file may have were replaced
    this.showState(stateText(job), job.state);
    this.find(".error").textContent = job.error || "";
    const progress = this.find("progress");
    if (job.total) progress.value = job.done / job.total;
    else progress.removeAttribute("value");
    if (job.state === "done" && before?.state !== "done") this.showStems();
    this.offer(before?.state !== job.state && job.state === "done");
    this.find(".hear").hidden = !this.offered || this.playing || !["running", "done"].includes(job.state);
    if (job.state !== "done" && this.opened) this.togglePlayers();
    if (this.opened && job.report !== before?.report) this.showPlayers();
    if (before && before.state !== job.state) element("status").textContent = `${job.name}: ${job.error || job.state}`;
  }

  showStems() {
    const { id, name, notes, stems } = this.job;
    this.find(".notes").replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    this.find(".zip").href = `api/jobs/${id}/stems.zip`;
    const links = stems.map((stem) => {
      const link = document.createElement("a");
      link.href = `api/jobs/${id}/stems/${encodeURIComponent(stem.name)}`;
      link.download = "";
      link.textContent = stem.file;
      link.setAttribute("aria-label", `${stem.file} of ${name}`);
      return link;
    });
    this.find(".stems").replaceChildren(...links);
  }

  // Let the part that is separated be heard. It is not changed while somebody listens to it.
  offer(anew) {
    const { id, done, stem_names: names } = this.job;
    const select = this.find(".hear select");
    const audio = this.find("audio");
    if (!done) this.offered = 0;
    if (!select.options.length) select.append(...names.map((name) => new Option(name)));
    const started = !audio.paused || audio.currentTime > 0;
    if (!done || !(anew || (!started && done >= this.offered + STEP))) return;
    const place = audio.currentTime;
    const going = !audio.paused;
    this.offered = done;
    audio.src = `api/jobs/${id}/players/${encodeURIComponent(select.value)}?seconds=${done}`;
    if (place) audio.onloadedmetadata = () => (audio.currentTime = place);
    if (going) audio.play().catch(() => {});
  }

  // The part that was offered has ended. Go on if more has been separated.
  goOn() {
    const audio = this.find("audio");
    if (this.job.done < this.offered + 0.1) return;
    const place = audio.currentTime;
    this.offer(true);
    audio.onloadedmetadata = () => (audio.currentTime = place);
    audio.play().catch(() => {});
  }

  togglePlayers() {
    this.opened = !this.opened;
    this.find(".open").textContent = this.opened ? "Close the players" : "Open the players";
    this.find(".open").setAttribute("aria-label", `${this.find(".open").textContent} of ${this.name}`);
    this.find(".open").setAttribute("aria-expanded", String(this.opened));
    this.showPlayers();
  }

  async showPlayers() {
    const { id, report } = this.job;
    const place = this.find(".players");
    const text = document.createElement("p");
    text.className = "aside";
    this.playing = false;
    if (!this.opened) {
      place.replaceChildren();
    } else if (report === "ready") {
      const frame = document.createElement("iframe");
      frame.title = `Players of ${this.name}`;
      frame.onload = () => {
        this.playing = Boolean(frame.contentDocument?.getElementById("play")); // none in a long track
        if (this.playing) this.find("audio").pause();
        this.find(".hear").hidden = this.playing || !this.offered;
      };
      frame.src = `api/jobs/${id}/report`;
      place.replaceChildren(frame);
    } else {
      text.textContent = report === "failed" ? "The players could not be made." : "The players are being prepared…";
      place.replaceChildren(text);
      if (report === "none") fetch(`api/jobs/${id}/report`); // it is then written next
    }
    this.find(".hear").hidden = this.playing || !this.offered;
  }
}

function stateText(job) {
  if (job.state === "queued") return "waiting";
  if (job.state === "done") return `done, ${clock(job.done)} of music in ${job.options.format}`;
  if (job.state !== "running") return job.state;
  if (!job.done) return "starting";
  const total = job.total ? ` of ${clock(job.total)}` : "";
  const left = job.left === null ? "" : `, ${clock(Math.ceil(job.left))} left`;
  return `separating: ${clock(job.done)}${total}${left}`;
}

function showNone() {
  element("none").hidden = element("queue").childElementCount > 0;
}

// Files

const waiting = []; // [file, options, card]
let running = 0;

function add(files) {
  let options;
  element("message").textContent = "";
  try {
    options = chosenOptions();
  } catch (error) {
    element("message").textContent = error.message;
    return;
  }
  if (!files.length) element("message").textContent = "there is no audio file among these";
  for (const file of files) {
    const entry = [file, options, new Card(file.name)];
    entry[2].abort = () => {
      waiting.splice(waiting.indexOf(entry), 1);
      entry[2].showFailure("cancelled");
    };
    waiting.push(entry);
  }
  uploadNext();
}

async function uploadNext() {
  if (running >= UPLOADS || !waiting.length) return;
  const [file, options, card] = waiting.shift();
  running++;
  uploadNext();
  try {
    const { id } = await upload(file, card);
    const job = await call("POST", "api/jobs", { upload: id, options });
    if (cards.has(job.id)) {
      card.remove(); // the event was faster
    } else {
      cards.set(job.id, card);
      card.show(job);
    }
  } catch (error) {
    card.showFailure(error.message);
  }
  running--;
  uploadNext();
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files.filter(isAudio);
    for (const inner of some) files.push(...(await filesOf(inner)));
  }
}

function isAudio(file) {
  return !file.name.startsWith(".") && (AUDIO.test(file.name) || /^(audio|video)\//.test(file.type));
}

async function onDrop(event) {
  event.preventDefault();
  document.body.classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...event.dataTransfer.files];
  try {
    add(entries.length ? (await Promise.all(entries.map(filesOf))).flat() : files);
  } catch (error) {
    element("message").textContent = `cannot read what was dropped: ${error.message}`;
  }
}

// Events

function showJob(job) {
  if (!cards.has(job.id)) cards.set(job.id, new Card(job.name));
  cards.get(job.id).show(job);
}

function watch() {
  const events = new EventSource("api/events");
  events.addEventListener("job", (event) => showJob(JSON.parse(event.data)));
  events.addEventListener("jobs", (event) => {
    const ids = new Set(JSON.parse(event.data));
    for (const [id, card] of cards) {
      if (ids.has(id)) continue;
      card.remove();
      cards.delete(id);
    }
  });
  events.onopen = () => (element("message").textContent = "");
  events.onerror = () => (element("message").textContent = "the connection to the studio broke, trying again");
}

for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
  element(button).onclick = () => element(input).click();
  element(input).onchange = (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    add(input === "folder" ? files.filter(isAudio) : files);
  };
}
element("options").onsubmit = (event) => event.preventDefault();
element("options").onchange = showFields;
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", onDrop);
showTargets(await call("GET", "api"));
showFields();
watch();
