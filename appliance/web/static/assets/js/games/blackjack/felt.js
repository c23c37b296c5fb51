// The felt: the dealer's cards, the player's hands, and how cards are dealt onto it.
import { h, reducedMotion } from '../../app/dom.js';
import { t, num, coins, signed } from '../../app/i18n.js';
import { sound } from '../../app/sound.js';

/** @typedef {import('../../app/types.js').BlackjackRound} BlackjackRound */
/** @typedef {import('../../app/types.js').Card} Card */

/** @param {number} milliseconds */
const wait = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, reducedMotion() ? 0 : milliseconds);
  });

/**
 * A total as text: a soft total shows both values while more cards may come.
 * @param {{total: number, soft: boolean}} hand
 * @param {boolean} [final] no more cards will come
 */
export function totalText({ total, soft }, final) {
  return soft && total < 21 && !final ? `${total - 10}/${total}` : String(total);
}

/** @param {Card} card @param {boolean} [faceDown] */
function cardElement(card, faceDown) {
  return h('im-card', { rank: card.rank, suit: card.suit, facedown: faceDown });
}

/** Tells the style sheet how many cards lie in a place; more cards overlap more. @param {Element} cards */
function count(cards) {
  /** @type {HTMLElement} */ (cards).style.setProperty('--n', String(cards.children.length));
}

export class Felt {
  /** @param {HTMLElement} outcome @param {HTMLElement} notice why the table does not look as the player left it */
  constructor(outcome, notice) {
    this.dealerCards = h('div', { class: 'cards' });
    this.dealerTotal = h('span', { class: 'total' });
    this.hands = h('div', { class: 'hands' });
    this.insurance = h('p', { class: 'insurance', hidden: true });
    this.shoe = h(
      'div',
      { class: 'shoe', 'aria-hidden': 'true' },
      h('im-card', { facedown: true }),
      h('im-card', { facedown: true }),
      h('im-card', { facedown: true }),
    );
    this.element = h(
      'div',
      { class: 'felt' },
      this.shoe,
      h(
        'section',
        { class: 'dealer', 'aria-label': t('blackjack.dealer') },
        h('h2', null, t('blackjack.dealer'), ' ', this.dealerTotal),
        this.dealerCards,
      ),
      h(
        'div',
        { class: 'middle' },
        h(
          'p',
          { class: 'printed', 'aria-hidden': 'true' },
          h('span', null, t('blackjack.pays_3_2')),
          h('small', null, t('blackjack.stands_17')),
        ),
        notice,
        outcome,
        this.insurance,
      ),
      this.hands,
    );
    /** @type {BlackjackRound|null} */
    this.shown = null;
    /** Whether the player clicked to skip the dealing. */
    this.hurried = false;
    /** @type {Animation|null} */
    this.flight = null;
    this.element.addEventListener('click', () => {
      this.hurried = true;
      this.flight?.finish();
    });
  }

  clear() {
    this.shown = null;
    this.dealerCards.replaceChildren();
    this.dealerTotal.textContent = '';
    this.hands.replaceChildren();
    this.element.dataset.hands = '1';
    this.insurance.hidden = true;
  }

  /**
   * Shows a round. Cards that are new are dealt one after another.
   * @param {BlackjackRound} round
   * @param {boolean} animated
   */
  async show(round, animated) {
    const before = this.shown && this.shown.round.id === round.round.id ? this.shown : null;
    if (!before) this.clear();
    this.shown = round;
    this.hurried = false;
    const dealing = animated && !reducedMotion();
    const places = this.#places(round, before);
    /** @type {{element: HTMLElement, into: Element}[]} */
    const fresh = [];
    round.hands.forEach((hand, i) => {
      const cards = /** @type {HTMLElement} */ (places[i].querySelector('.cards'));
      hand.cards
        .slice(cards.children.length)
        .forEach((card) => fresh.push({ element: cardElement(card, dealing), into: cards }));
    });
    const dealerFresh = round.dealer.cards.slice(this.#dealerKnown()).map((card) => card);
    const hole = this.dealerCards.querySelector('im-card[facedown]');
    if (!before) {
      // The deal: player, dealer, player, dealer's hole card.
      const [up, second] = [round.dealer.cards[0], round.dealer.cards[1]];
      const order = [
        fresh[0],
        { element: cardElement(up, dealing), into: this.dealerCards },
        ...fresh.slice(1, 2),
        {
          element: h('im-card', { facedown: true }),
          into: this.dealerCards,
          hole: true,
        },
        ...fresh.slice(2),
      ];
      for (const step of order) await this.#deal(step, dealing, 'hole' in step);
      if (round.dealer.hidden === 0 && second)
        await this.#drawn(round, [second, ...round.dealer.cards.slice(2)], dealing);
    } else {
      for (const step of fresh) await this.#deal(step, dealing, false);
      if (hole && round.dealer.hidden === 0) await this.#drawn(round, dealerFresh, dealing);
    }
    this.#words(round, places);
  }

  /** How many of the dealer's cards lie open. */
  #dealerKnown() {
    return [...this.dealerCards.children].filter((c) => !c.hasAttribute('facedown')).length;
  }

  /**
   * The hole card turns, and the dealer draws.
   * @param {BlackjackRound} round
   * @param {Card[]} cards
   * @param {boolean} dealing
   */
  async #drawn(round, cards, dealing) {
    const hole = this.dealerCards.querySelector('im-card[facedown]');
    const [first, ...more] = cards;
    if (hole && first) {
      if (dealing) await wait(260);
      hole.setAttribute('rank', first.rank);
      hole.setAttribute('suit', first.suit);
      hole.removeAttribute('facedown');
      sound.play('card');
      if (dealing) await wait(420);
    }
    for (const card of more)
      await this.#deal({ element: cardElement(card, dealing), into: this.dealerCards }, dealing, false);
    this.dealerTotal.textContent = totalText(round.dealer, round.settled);
  }

  /**
   * @param {{element: HTMLElement, into: Element}} step
   * @param {boolean} dealing
   * @param {boolean} hole stays face down
   */
  async #deal({ element, into }, dealing, hole) {
    into.append(element);
    count(into);
    if (!dealing) return;
    if (this.hurried) {
      if (!hole) element.removeAttribute('facedown');
      return;
    }
    const from = this.shoe.getBoundingClientRect();
    const to = element.getBoundingClientRect();
    sound.play('card');
    const flight = element.animate(
      [
        {
          transform: `translate(${from.x - to.x}px, ${from.y - to.y}px) rotate(14deg)`,
          opacity: 0.4,
        },
        { transform: 'none', opacity: 1 },
      ],
      { duration: 300, easing: 'cubic-bezier(.2,.7,.3,1)' },
    );
    this.flight = flight;
    await flight.finished.catch(() => {});
    this.flight = null;
    if (!hole) {
      element.removeAttribute('facedown');
      if (!this.hurried) await wait(140);
    }
  }

  /**
   * A place for each hand; a split moves the second card to a new place.
   * @param {BlackjackRound} round
   * @param {BlackjackRound|null} before
   * @returns {HTMLElement[]}
   */
  #places(round, before) {
    const grown = before ? round.hands.length - before.hands.length : 0;
    if (grown > 0) {
      // The hand that was active has become two: find it, and move its second card into a place of its own.
      const at = Math.max(0, before?.hands.findIndex((hand) => hand.active) ?? 0);
      const old = /** @type {HTMLElement} */ (this.hands.children[at]);
      const place = handPlace();
      const moved = old.querySelector('.cards')?.lastElementChild;
      if (moved) place.querySelector('.cards')?.append(moved);
      for (const part of [old, place]) count(/** @type {Element} */ (part.querySelector('.cards')));
      old.after(place);
    }
    while (this.hands.children.length < round.hands.length) this.hands.append(handPlace());
    this.element.dataset.hands = String(round.hands.length);
    return /** @type {HTMLElement[]} */ ([...this.hands.children]);
  }

  /** Totals, stakes and results. @param {BlackjackRound} round @param {HTMLElement[]} places */
  #words(round, places) {
    this.dealerTotal.textContent = round.dealer.cards.length ? totalText(round.dealer, round.settled) : '';
    round.hands.forEach((hand, i) => {
      const place = places[i];
      place.classList.toggle('active', hand.active && !round.settled);
      place.classList.toggle('waiting', !hand.active && !round.settled && round.hands.length > 1);
      const result = round.settled ? hand.result : hand.result === 'bust' ? 'bust' : null;
      place.dataset.result = result ?? '';
      const name = round.hands.length > 1 ? t('blackjack.hand_n', { n: i + 1 }) : t('blackjack.your_hand');
      const total = totalText(hand, round.settled);
      place.setAttribute('aria-label', `${name}: ${total}`);
      const net = hand.payout - hand.stake;
      /** @type {HTMLElement} */ (place.querySelector('.caption')).replaceChildren(
        h('span', { class: 'total' }, total),
        h('span', { class: 'stake' }, h('im-chip', { amount: hand.stake }), num(hand.stake)),
        result
          ? h('strong', { class: 'result' }, `${t(`result.${result}`)}${round.settled ? ` ${signed(net)}` : ''}`)
          : '',
      );
    });
    this.insurance.hidden = !round.insurance;
    if (round.insurance)
      this.insurance.textContent = round.settled
        ? t('blackjack.insurance_done', {
            stake: coins(round.insurance.stake),
            payout: coins(round.insurance.payout),
          })
        : t('blackjack.insured', { stake: coins(round.insurance.stake) });
  }
}

function handPlace() {
  return h('section', { class: 'hand' }, h('div', { class: 'cards' }), h('p', { class: 'caption' }));
}
