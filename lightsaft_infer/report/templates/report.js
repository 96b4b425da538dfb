"use strict";

// The player of a report. Every track is decoded into a buffer. All buffers start at the same time of one AudioContext,
// so that they are in sync to the sample. Solo, mute and volume only set gains.

const page = JSON.parse(document.getElementById("page-data").textContent);
const position = document.getElementById("position");
const statusLine = document.getElementById("status");
const stillMotion = matchMedia("(prefers-reduced-motion: reduce)");
const STEP = 5; // seconds that an arrow key seeks

class Player {
  constructor() {
    this.position = 0; // seconds, while stopped
    this.wanted = false; // whether to play as soon as all is decoded
    this.sources = null; // one for each buffer, while playing
    this.gains = null;
  }

  get time() {
    if (!this.sources) return this.position;
    const elapsed = Math.max(0, this.context.currentTime - this.startedAt);
    return Math.min(this.startedFrom + elapsed, page.duration);
  }

  // Decoding waits for the first use: buffers take some 20 MB per minute and track.
  prepare() {
    if (!this.ready) {
      this.context = newContext();
      this.ready = this.decode().catch((error) => {
        this.ready = null;
        throw error;
      });
    }
    return this.ready;
  }

  async decode() {
    const encoded = [...document.querySelectorAll("script[data-audio]")];
    this.buffers = await Promise.all(encoded.map(async (script) => this.context.decodeAudioData(await audioOf(script))));
    this.gains = this.buffers.map(() => {
      const gain = this.context.createGain();
      gain.connect(this.context.destination);
      return gain;
    });
    applyGains();
  }

  async play() {
    this.wanted = true;
    showPlaying(true);
    try {
      const ready = this.prepare();
      if (!this.gains) statusLine.textContent = "Decoding…";
      await Promise.all([this.context.resume(), ready]);
      statusLine.textContent = "";
    } catch (error) {
      this.wanted = false;
      showPlaying(false);
      statusLine.textContent = `This browser cannot play the audio of this page (${error.message}).`;
      return;
    }
    if (!this.wanted || this.sources) return;
    if (this.position >= page.duration) this.position = 0;
    this.start();
    requestAnimationFrame(frame);
  }

  start() {
    this.startedAt = this.context.currentTime + 0.05;
    this.startedFrom = this.position;
    this.sources = this.buffers.map((buffer, index) => {
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains[index]);
      source.start(this.startedAt, this.startedFrom);
      return source;
    });
  }

  stop() {
    this.position = this.time;
    for (const source of this.sources || []) source.stop();
    this.sources = null;
  }

  pause() {
    this.wanted = false;
    this.stop();
    showPlaying(false);
    showTime();
  }

  toggle() {
    if (this.wanted) this.pause();
    else this.play();
  }

  seek(seconds) {
    const playing = this.sources;
    if (playing) this.stop();
    this.position = Math.min(Math.max(seconds, 0), page.duration);
    if (playing) this.start();
    showTime();
  }
}

function newContext() {
  try {
    return new AudioContext({ sampleRate: page.rate });
  } catch {
    return new AudioContext(); // decoding then resamples
  }
}

// Time

function clock(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  return `${Math.floor(tenths / 600)}:${String((tenths % 600) / 10 | 0).padStart(2, "0")}.${tenths % 10}`;
}

function showTime() {
  const time = player.time;
  position.value = time;
  position.setAttribute("aria-valuetext", `${clock(time).slice(0, -2)} of ${clock(page.duration).slice(0, -2)}`);
  document.getElementById("time").textContent = clock(time);
  for (const cursor of document.querySelectorAll(".cursor")) cursor.style.left = `${(100 * time) / page.duration}%`;
}

function showPlaying(playing) {
  document.getElementById("play").textContent = playing ? "Pause" : "Play";
}

function frame() {
  if (!player.sources) return;
  showTime();
  if (player.time >= page.duration) player.pause();
  else if (stillMotion.matches) setTimeout(frame, 500);
  else requestAnimationFrame(frame);
}

// Tracks

const tracks = [...document.querySelectorAll(".track")].map((section) => ({
  section,
  solo: section.querySelector(".solo"),
  mute: section.querySelector(".mute"),
  volume: section.querySelector(".volume input"),
}));

const pressed = (button) => button.getAttribute("aria-pressed") === "true";

function toggle(button) {
  button.setAttribute("aria-pressed", String(!pressed(button)));
  applyGains();
}

// If tracks are soloed, only these are heard, even if they are muted. Otherwise all that are not muted are heard.
function applyGains() {
  const soloed = tracks.some((track) => pressed(track.solo));
  const master = pressed(document.getElementById("mute")) ? 0 : Number(document.getElementById("volume").value);
  tracks.forEach((track, index) => {
    const audible = soloed ? pressed(track.solo) : !pressed(track.mute);
    const gain = audible ? Number(track.volume.value) * master : 0;
    track.section.classList.toggle("silent", !audible);
    if (player.gains) player.gains[index].gain.setTargetAtTime(gain, player.context.currentTime, 0.01);
  });
}

// Events

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const volume = event.target.matches(".volume input");
  const seeks = { ArrowLeft: -STEP, ArrowRight: STEP };
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const key = event.key.toLowerCase();
  if (key in { " ": 0, k: 0 } && page.audio) {
    if (key === " " && event.target.matches("button")) return; // the browser presses the button
    if (!event.repeat) player.toggle();
  } else if (event.key in seeks && !volume) {
    player.seek(player.time + seeks[event.key] / (event.shiftKey ? 5 : 1));
  } else if (event.key === "Home" && !volume) {
    player.seek(0);
  } else if (digit && page.audio && tracks[digit[1] - 1]) {
    const track = tracks[digit[1] - 1];
    if (!event.repeat) toggle(event.shiftKey ? track.mute : track.solo);
  } else if (key === "m" && page.audio) {
    if (!event.repeat) toggle(document.getElementById("mute"));
  } else {
    return;
  }
  event.preventDefault();
}

function onClick(event) {
  const button = event.target.closest("button");
  const pictures = event.target.closest(".pictures");
  if (button) {
    if (button.id === "play") player.toggle();
    else if (button.dataset.seek) player.seek(Number(button.dataset.seek));
    else toggle(button);
    if (event.detail) button.blur(); // by mouse: the space bar then still plays and pauses
  } else if (pictures) {
    const box = pictures.querySelector(".plot").getBoundingClientRect();
    player.seek(((event.clientX - box.left) / box.width) * page.duration);
  }
}

const player = new Player();
document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
position.addEventListener("input", () => player.seek(Number(position.value)));
if (page.audio) {
  for (const input of document.querySelectorAll(".volume input")) input.addEventListener("input", applyGains);
  applyGains();
}
showTime();
