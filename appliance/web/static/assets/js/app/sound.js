// Short cues, synthesised. Off until the player switches them on.
import { device } from './kept.js';

/** @type {AudioContext|null} */
let context = null;

/**
 * @param {number} frequency
 * @param {number} start
 * @param {number} length
 * @param {OscillatorType} shape
 * @param {number} loud
 */
function tone(frequency, start, length, shape, loud) {
  if (!context) return;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  const at = context.currentTime + start;
  oscillator.type = shape;
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loud, at + 0.008);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length + 0.02);
}

const CUES = {
  chip: () => tone(1900, 0, 0.05, 'triangle', 0.12),
  reel: () => {
    tone(150, 0, 0.09, 'square', 0.05);
    tone(90, 0.01, 0.12, 'sine', 0.18);
  },
  card: () => tone(520, 0, 0.05, 'sawtooth', 0.035),
  ball: () => tone(2600, 0, 0.03, 'sine', 0.08),
  win: () => [523, 659, 784, 1047].forEach((f, i) => tone(f, i * 0.09, 0.4, 'sine', 0.09)),
};

export const sound = {
  on: device.get('sound') === true,
  toggle() {
    this.on = !this.on;
    device.set('sound', this.on);
    if (this.on) this.play('chip');
  },
  /** @param {keyof typeof CUES} cue */
  play(cue) {
    if (!this.on) return;
    context ??= new AudioContext();
    if (context.state === 'suspended') void context.resume();
    CUES[cue]();
  },
};
