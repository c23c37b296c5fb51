// A client as a reader of the description would write it, for tsc: the types say what every request takes and every answer has.
import type { components, paths } from '../../../build/description/openapi.js';

type Schemas = components['schemas'];
type Spin = paths['/api/v1/games/slots/spins']['post'];

/** Spins the slots, and returns the payout. A refusal is thrown by its code. */
export async function spin(token: string, stake: number): Promise<number> {
  const body: Spin['requestBody']['content']['application/json'] = { stake };
  const response = await fetch('/api/v1/games/slots/spins', {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    const problem: Schemas['Problem'] = await response.json();
    throw new Error(problem.code satisfies Schemas['Code']);
  }
  const answer: Spin['responses'][201]['content']['application/json'] = await response.json();
  const [first] = answer.symbols;
  return first === 'cherry' ? answer.payout : answer.round.payout;
}

/** What a round of any game came to, in words. The outcomes are told apart by the game. */
export function told(round: Schemas['Round']): string {
  if (round.outcome === null) return round.rules;
  if ('pocket' in round.outcome) return `${round.outcome.pocket} ${round.outcome.color}`;
  if ('dealer' in round.outcome) return `the dealer has ${round.outcome.dealer.total}`;
  return round.outcome.symbols.join(' ');
}

/** Limits are given whole: a member that is left out does not compile. */
export const none: paths['/api/v1/me/limits']['put']['requestBody']['content']['application/json'] = {
  stake_per_day: null, loss_per_day: null, loss_per_week: null, loss_per_month: null, session_minutes: null, reality_check_minutes: null,
};
