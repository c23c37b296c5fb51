// The profile: picture, shown name, whether the player takes part in seasons, and what she has reached.
import { h, announce, uid } from '../app/dom.js';
import { t, dateTime } from '../app/i18n.js';
import { get, put, ApiError } from '../app/api.js';
import { emit, on } from '../app/events.js';
import { state } from '../app/store.js';
import { icon } from '../components/icons.js';
import { AVATARS, avatar, avatarName } from '../components/avatar.js';
import { form, problemText, textField } from '../components/form.js';
import { isName } from './sign-up.js';

/** @typedef {import('../app/types.js').Profile} Profile */

/** All achievements, in the order in which they are listed. */
const ACHIEVEMENTS = [
  'first_spin',
  'first_wheel',
  'first_hand',
  'all_three_games',
  'three_cherries',
  'three_apples',
  'single_number',
  'natural',
  'both_split_hands',
  'own_seed',
  'in_season',
];

/** The profile as it is known now. @returns {Profile} */
const now = () => /** @type {Profile} */ (state.profile);

/** Sends the profile with what has changed. @param {{avatar?: string, shown_name?: string|null, in_seasons?: boolean}} change */
async function save(change) {
  const { avatar, shown_name, in_seasons } = now();
  const name = change.shown_name === undefined ? shown_name : change.shown_name;
  state.profile = await put('/me/profile', {
    avatar,
    in_seasons,
    ...change,
    shown_name: name === state.account?.username ? null : name,
  });
  emit('profile');
}

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function profilePage() {
  const [profile, seasons] = await Promise.all([get('/me/profile'), get('/seasons?limit=1')]);
  state.profile = profile;
  const reached = achievements();
  const part = takingPart(seasons);
  const off = [on('profile', reached.draw), on('achieved', reached.draw)];
  return {
    title: t('nav.profile'),
    body: h('div', { class: 'stack reading profile' }, h('h1', null, t('nav.profile')), face(), part, reached.element),
    leave: () => off.forEach((end) => end()),
  };
}

/** The picture and the shown name. */
function face() {
  const me = /** @type {import('../app/types.js').Account} */ (state.account);
  const pictures = h(
    'fieldset',
    { class: 'avatars' },
    h('legend', null, t('profile.avatar')),
    AVATARS.map((name) =>
      h(
        'label',
        { title: avatarName(name) },
        h('input', { class: 'sr', type: 'radio', name: 'avatar', value: name, checked: name === now().avatar }),
        avatar(name, 64),
        h('span', { class: 'sr' }, avatarName(name)),
      ),
    ),
  );
  const name = textField({
    name: 'shown_name',
    label: t('profile.shown_name'),
    value: now().shown_name === me.username ? '' : now().shown_name,
    hint: t('profile.shown_name_hint', { name: me.username }),
    codes: ['invalid_username', 'username_reserved', 'shown_name_taken'],
    check: (value) => (isName(value.trim()) ? null : t('error.invalid_username')),
  });
  const box = form({
    fields: [name],
    extra: [pictures],
    submit: t('profile.save'),
    quiet: true,
    done: t('profile.saved'),
    async send() {
      const chosen = /** @type {HTMLInputElement} */ (pictures.querySelector(':checked')).value;
      await save({ avatar: chosen, shown_name: name.value.trim() || null });
    },
  });
  box.id = 'face';
  box.append(/** @type {Node} */ (box.querySelector('.note'))); // what is said is seen beside the button, also on a phone
  box.prepend(h('h2', null, t('profile.face_title')), h('p', { class: 'quiet' }, t('profile.face_text')));
  return box;
}

/** Whether the player takes part in seasons. @param {import('../app/types.js').Seasons} seasons */
function takingPart(seasons) {
  const id = uid('seasons');
  const wrong = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const control = h('button', { type: 'button', class: 'switch', role: 'switch', 'aria-labelledby': id });
  const yes = h('button', { type: 'button', class: 'button danger' }, t('profile.leave'));
  const no = h('button', { type: 'button', class: 'button' }, t('profile.stay'));
  const sure = h(
    'div',
    { class: 'note stack', hidden: true },
    h('p', null, t('profile.leave_sure')),
    h('div', { class: 'row' }, yes, no),
  );
  const standing = h('p', { class: 'quiet' });
  const closed = seasons.reset === 'off';
  const draw = () => {
    const taking = now().in_seasons;
    control.setAttribute('aria-checked', String(taking));
    control.disabled = closed && !taking;
    standing.replaceChildren(
      ...(taking
        ? [t('profile.taking_part'), ' ', h('a', { href: ownPage(seasons) }, t('profile.own_season'))]
        : [t(closed ? 'season.off' : 'profile.not_taking_part')]),
    );
  };
  let sending = false;
  /** @param {boolean} taking */
  const set = async (taking) => {
    if (sending) return;
    sending = true;
    wrong.hidden = true;
    try {
      await save({ in_seasons: taking });
      if (taking && !seasons.running) Object.assign(seasons, await get('/seasons?limit=1')); // it has begun with this player
      announce(t(taking ? 'profile.taking_part' : 'profile.not_taking_part'));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      wrong.textContent = problemText(error);
      wrong.hidden = false;
    } finally {
      sending = false;
      sure.hidden = true;
      draw();
      control.focus();
    }
  };
  control.addEventListener('click', () => {
    if (!now().in_seasons) {
      void set(true);
      return;
    }
    sure.hidden = !sure.hidden;
    if (!sure.hidden) no.focus();
  });
  yes.addEventListener('click', () => void set(false));
  no.addEventListener('click', () => {
    sure.hidden = true;
    control.focus();
  });
  draw();
  return h(
    'section',
    { class: 'panel stack', id: 'taking-part' },
    h('h2', null, t('nav.seasons')),
    h('p', null, t('profile.seasons_text')),
    h('div', { class: 'row switch-row' }, control, h('strong', { id }, t('profile.take_part'))),
    standing,
    sure,
    wrong,
    h('h3', null, t('profile.public_title')),
    h(
      'ul',
      { class: 'public' },
      ['names', 'figures', 'rounds', 'seed', 'leaving', 'past'].map((part) => h('li', null, t(`public.${part}`))),
    ),
  );
}

/** Where the player's own figures are. @param {import('../app/types.js').Seasons} seasons */
function ownPage(seasons) {
  return seasons.running ? `/seasons/player?season=${seasons.running.number}&entry=${now().entry_id}` : '/seasons';
}

/** What the player has reached, and quietly the rest. */
function achievements() {
  const list = h('ul', { class: 'achievements' });
  const count = h('p', { class: 'quiet' });
  const draw = () => {
    const at = new Map(now().achievements.map((a) => [a.name, a]));
    const first = ACHIEVEMENTS.filter((name) => at.has(name));
    count.textContent = t(first.length ? 'achieved.count' : 'achieved.none', {
      n: first.length,
      of: ACHIEVEMENTS.length,
    });
    list.replaceChildren(
      ...[...first, ...ACHIEVEMENTS.filter((name) => !at.has(name))].map((name) => item(name, at.get(name))),
    );
  };
  draw();
  return {
    element: h(
      'section',
      { class: 'panel stack', id: 'achievements' },
      h('h2', null, t('achieved.title')),
      count,
      list,
    ),
    draw,
  };
}

/** @param {string} name @param {import('../app/types.js').Achievement} [reached] */
function item(name, reached) {
  return h(
    'li',
    { class: reached ? 'reached' : 'open', 'data-achievement': name },
    icon(reached ? 'laurel' : 'circle'),
    h(
      'div',
      null,
      h('h3', null, t(`achievement.${name}`)),
      h('p', { class: 'quiet' }, t(`achieve.${name}`)),
      reached &&
        h(
          'p',
          { class: 'quiet small' },
          t('achieved.at', { time: dateTime(reached.reached_at) }),
          reached.round_id && [
            ' ',
            h(
              'a',
              {
                href: `/fairness?round=${reached.round_id}`,
                'aria-label': t('history.proof_of', { id: reached.round_id }),
              },
              t('history.proof'),
            ),
          ],
        ),
      !reached && h('span', { class: 'sr' }, t('achieved.open')),
    ),
  );
}
