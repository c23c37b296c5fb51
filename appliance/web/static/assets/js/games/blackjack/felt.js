// The felt: the dealer's cards, the player's hands, and how cards are dealt onto it.
import { reducedMotion } from '../../app/dom.js';
import { html, nothing, vars } from '../../app/html.js';
import { t, num, coins, signed } from '../../app/i18n.js';
import { sound } from '../../app/sound.js';
import { EMPTY, course, lying, put } from './dealing.js';
import { totalText } from './machine.js';

/** @typedef {import('../../app/types.js').BlackjackRound} BlackjackRound */
/** @typedef {import('../../app/types.js').Hand} Hand */
/** @typedef {'still'|'fast'|'full'} Pace */

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds));

/** Between two cards of a fast deal, in milliseconds. */
const FAST = 70;
/** How long a card flies, and lies until the next. */
const FLIGHT = 300;
const REST = 140;
const TURN = 420;

export class Felt {
  /** What lies on it. */
  #table = EMPTY;
  /** The round whose totals and results are shown; behind the table while cards are dealt. @type {BlackjackRound|null} */
  #told = null;
  /** The place of the card that is in the air, such as "0:1", the second of the first hand. */
  #flying = '';
  /** @type {() => void} */
  #hurry = () => {};
  #draw;

  /** @param {() => void} draw draws the page */
  constructor(draw) {
    this.#draw = draw;
  }

  clear() {
    this.#table = EMPTY;
    this.#told = null;
  }

  /** Lays a round out as it stands. @param {BlackjackRound} round */
  lay(round) {
    this.#table = lying(round);
    this.#told = round;
    this.#draw();
  }

  /**
   * Deals what is new of a round, card by card. A click on the felt deals the rest at once.
   * @param {BlackjackRound} round
   * @param {Pace} pace
   */
  async deal(round, pace) {
    const way = course(this.#told, round);
    if (way && pace !== 'still' && !reducedMotion() && !document.hidden) {
      let hurried = false;
      const hurry = new Promise((resolve) => {
        this.#hurry = () => {
          hurried = true;
          document
            .querySelector('.felt')
            ?.getAnimations({ subtree: true })
            .forEach((flight) => flight.finish());
          resolve(undefined);
        };
      });
      if (this.#told?.round.id !== round.round.id) this.#told = null;
      this.#table = way.from;
      this.#draw();
      for (const step of way.steps) {
        await Promise.race([hurry, this.#step(step, pace === 'fast')]);
        if (hurried) break;
      }
      this.#hurry = () => {};
      this.#flying = '';
    }
    this.lay(round);
  }

  /** @param {import('./dealing.js').Step} step @param {boolean} fast */
  async #step(step, fast) {
    if (step.turns && !fast) await wait(REST * 2);
    const to = step.to < 0 ? 'dealer' : step.to;
    const before = this.#table;
    this.#table = put(before, step);
    sound.play('card');
    if (fast || step.turns) {
      this.#draw();
      await wait(fast ? FAST : TURN);
      return;
    }
    this.#flying = `${to}:${(step.to < 0 ? this.#table.dealer : this.#table.hands[step.to]).length - 1}`;
    this.#draw();
    const card = document.querySelector(`.felt [data-place="${this.#flying}"]`);
    if (card) await fly(card);
    this.#flying = '';
    this.#draw();
    await wait(REST);
  }

  /** @param {unknown} words what is said between the dealer and the player */
  template(words) {
    const { dealer, hands } = this.#table;
    const told = this.#told;
    const total = told ? totalText(told.dealer, told.settled) : nothing;
    return html`<div class="felt" data-hands=${Math.max(1, hands.length)} @click=${() => this.#hurry()}>
      <div class="shoe" aria-hidden="true">
        <im-card facedown></im-card><im-card facedown></im-card><im-card facedown></im-card>
      </div>
      <section class="dealer" aria-label=${t('blackjack.dealer')}>
        <h2>${t('blackjack.dealer')} <span class="total">${total}</span></h2>
        ${this.#cards('dealer', dealer)}
      </section>
      <div class="middle">${words}</div>
      <div class="hands">${hands.map((cards, i) => this.#hand(i, cards))}</div>
    </div>`;
  }

  /** @param {number} at @param {import('./dealing.js').Lying[]} cards */
  #hand(at, cards) {
    const told = this.#told;
    const several = this.#table.hands.length > 1;
    const hand = told && told.hands.length === this.#table.hands.length ? told.hands[at] : null;
    const playing = !!told && !told.settled;
    const result = !hand ? null : told?.settled || hand.result === 'bust' ? hand.result : null;
    const name = several ? t('blackjack.hand_n', { n: at + 1 }) : t('blackjack.your_hand');
    const marks = [hand?.active && playing ? 'active' : '', several && playing && !hand?.active ? 'waiting' : ''];
    return html`<section
      class="hand ${marks.join(' ')}"
      data-result=${result ?? ''}
      aria-label=${hand ? `${name}: ${totalText(hand, told?.settled)}` : name}
    >
      ${this.#cards(String(at), cards)}
      <p class="caption">${hand ? caption(hand, !!told?.settled) : nothing}</p>
      ${hand && result ? badge(hand, result, !!told?.settled) : nothing}
    </section>`;
  }

  /** More cards in a place overlap more. @param {string} place @param {import('./dealing.js').Lying[]} cards */
  #cards(place, cards) {
    return html`<div class="cards" ${vars({ n: cards.length })}>
      ${cards.map((card, i) => {
        const at = `${place}:${i}`;
        return html`<im-card
          data-place=${at}
          rank=${card?.rank ?? nothing}
          suit=${card?.suit ?? nothing}
          ?facedown=${!card || this.#flying === at}
        ></im-card>`;
      })}
    </div>`;
  }
}

/** @param {Hand} hand @param {boolean} final */
function caption(hand, final) {
  return html`<span class="total">${totalText(hand, final)}</span
    ><span class="stake"><im-chip amount=${hand.stake}></im-chip>${num(hand.stake)}</span>`;
}

/** What came of a hand, in words, and what it brought. @param {Hand} hand @param {string} result @param {boolean} final */
function badge(hand, result, final) {
  const net = html`<span class="net"> ${signed(hand.payout - hand.stake)}</span>`;
  return html`<strong class="result">${t(`result.${result}`)}${final ? net : nothing}</strong>`;
}

/** The insurance that was taken, in words. @param {BlackjackRound} round */
export function insurance({ insurance: taken, settled }) {
  if (!taken) return '';
  const stake = coins(taken.stake);
  return settled
    ? t('blackjack.insurance_done', { stake, payout: coins(taken.payout) })
    : t('blackjack.insured', { stake });
}

/** A card flies from the shoe to its place. @param {Element} card */
async function fly(card) {
  const shoe = /** @type {Element} */ (document.querySelector('.felt .shoe'));
  const from = shoe.getBoundingClientRect();
  const to = card.getBoundingClientRect();
  const flight = card.animate(
    [
      { transform: `translate(${from.x - to.x}px, ${from.y - to.y}px) rotate(14deg)`, opacity: 0.4 },
      { transform: 'none', opacity: 1 },
    ],
    { duration: FLIGHT, easing: 'cubic-bezier(.2,.7,.3,1)' },
  );
  // A page that is not visible draws nothing, and its flights never end.
  await Promise.race([flight.finished.catch(() => {}), wait(FLIGHT * 2)]);
}
