// The shapes of the API's answers, for the type checker. The reference is /api/openapi.yaml.

/**
 * @typedef {string} GameName
 *
 * @typedef {object} Account
 * @property {string} id
 * @property {string} username
 * @property {string|null} email
 * @property {string} role
 * @property {number} coins
 * @property {number} held_coins
 * @property {string|null} open_round_id
 * @property {string} created_at
 * @property {string|null} daily_coins_at null: can be collected now
 * @property {boolean} [nudges] whether the pages may invite the player to anything
 *
 * @typedef {object} Bet
 * @property {string} type
 * @property {number[]} [numbers]
 * @property {number} [selection]
 * @property {number} amount
 * @property {number} [payout]
 *
 * @typedef {object} Card
 * @property {string} rank
 * @property {string} suit
 *
 * @typedef {object} Hand
 * @property {Card[]} cards
 * @property {number} total
 * @property {boolean} soft
 * @property {number} stake
 * @property {boolean} doubled
 * @property {boolean} active
 * @property {string|null} result
 * @property {number} payout
 *
 * @typedef {object} Dealer
 * @property {Card[]} cards
 * @property {number} hidden
 * @property {number} total
 * @property {boolean} soft
 * @property {boolean} blackjack
 *
 * @typedef {object} Round
 * @property {string} id
 * @property {GameName} game
 * @property {string} rules
 * @property {string} opened_at
 * @property {string|null} settled_at
 * @property {boolean} settled
 * @property {number} stake
 * @property {number} staked
 * @property {number} payout
 * @property {Bet[]} [bets]
 * @property {string[]} [actions]
 * @property {number} nonce
 * @property {number} pair
 * @property {string} commitment
 * @property {string} client_seed
 * @property {string|null} server_seed
 * @property {any} outcome
 * @property {boolean} [demo] a guest's, computed in this browser: the casino knows nothing of it
 *
 * @typedef {object} SlotsSpin
 * @property {Round} round
 * @property {number[]} stops
 * @property {string[]} symbols
 * @property {number} payout
 * @property {number} coins
 * @property {number} held_coins
 *
 * @typedef {object} RouletteSpin
 * @property {Round} round
 * @property {number} pocket
 * @property {'red'|'black'|'green'} color
 * @property {Bet[]} bets
 * @property {number} payout
 * @property {number} coins
 * @property {number} held_coins
 *
 * @typedef {object} BlackjackRound
 * @property {Round} round
 * @property {Dealer} dealer
 * @property {Hand[]} hands
 * @property {{stake: number, payout: number}|null} insurance
 * @property {string[]} allowed_actions
 * @property {boolean} settled
 * @property {number} payout
 * @property {number} coins
 * @property {number} held_coins
 *
 * @typedef {object} Revealed
 * @property {number} pair
 * @property {string} server_seed
 * @property {string} commitment
 * @property {string} client_seed
 * @property {number} rounds
 * @property {string} revealed_at
 *
 * @typedef {object} Fairness
 * @property {number} pair
 * @property {string} commitment
 * @property {string} next_commitment
 * @property {string} client_seed
 * @property {boolean} client_seed_is_default
 * @property {number} nonce
 * @property {string|null} [open_round_id]
 * @property {Revealed[]} [revealed]
 * @property {string|null} [next_cursor]
 *
 * @typedef {object} Transfer
 * @property {string} id
 * @property {string} time
 * @property {string} kind
 * @property {GameName|null} game
 * @property {string|null} round_id
 * @property {number} amount
 * @property {number} balance_after
 *
 * @typedef {object} GameStatistics
 * @property {string} [game]
 * @property {number} rounds
 * @property {number} staked
 * @property {number} paid
 * @property {number} net
 * @property {number} biggest_win
 *
 * @typedef {object} Statistics
 * @property {GameStatistics[]} games
 * @property {GameStatistics} total
 *
 * @typedef {object} LimitSet
 * @property {number|null} stake_per_day
 * @property {number|null} loss_per_day
 * @property {number|null} loss_per_week
 * @property {number|null} loss_per_month
 * @property {number|null} session_minutes
 * @property {number|null} reality_check_minutes
 *
 * @typedef {object} Limits
 * @property {LimitSet} in_force
 * @property {{limit: keyof LimitSet, value: number|null, from: string}[]} pending
 * @property {{staked_today: number, lost_today: number, lost_this_week: number, lost_this_month: number}} used
 * @property {{day: string, week: string, month: string}} resets_at
 * @property {{since: string, ends_at: string}|null} stretch
 *
 * @typedef {object} Session
 * @property {string} id
 * @property {string} created_at
 * @property {string} expires_at
 * @property {string} user_agent
 * @property {string} address
 * @property {boolean} current
 *
 * @typedef {object} Token a personal access token, without the token itself
 * @property {string} id
 * @property {string} name
 * @property {('read'|'play')[]} scopes
 * @property {string} created_at
 * @property {string} expires_at
 *
 * @typedef {object} Achievement
 * @property {string} name
 * @property {string} reached_at
 * @property {string|null} round_id null: no round reached it
 *
 * @typedef {object} Profile
 * @property {string} avatar
 * @property {string} shown_name
 * @property {boolean} in_seasons
 * @property {string|null} entry_id
 * @property {Achievement[]} achievements
 *
 * @typedef {object} Season
 * @property {number} number
 * @property {string} began_at
 * @property {string|null} ended_at
 * @property {string|null} ends_at
 * @property {number|null} players
 * @property {string|null} digest
 *
 * @typedef {object} Seasons
 * @property {'month'|'off'} reset
 * @property {Season|null} running
 * @property {Season[]} past
 * @property {string|null} next_cursor
 *
 * @typedef {object} Standing a player on a board
 * @property {number|null} rank
 * @property {string} id
 * @property {string|null} shown_name
 * @property {string|null} avatar
 * @property {number} rounds
 * @property {number} staked
 * @property {number} paid
 * @property {number} net
 * @property {{payout: number, staked: number, round_id: string, proof: string|null}|null} best
 * @property {string|null} proof
 *
 * @typedef {object} Board
 * @property {Season} season
 * @property {'net'|'multiplier'|'rounds'} board
 * @property {string|null} as_of
 * @property {number} players
 * @property {Standing[]} entries
 * @property {Standing|null} own
 *
 * @typedef {object} CountedRound
 * @property {string} id
 * @property {GameName} game
 * @property {number} staked
 * @property {number} payout
 * @property {string} settled_at
 *
 * @typedef {object} House
 * @property {'open'|'invite'|'closed'} sign_up
 * @property {number} welcome_coins
 * @property {number} daily_coins
 *
 * @typedef {object} Rule one rule in words, in each language
 * @property {string} id
 * @property {string} en
 * @property {string} es
 * @property {string} de
 *
 * @typedef {object} GameInfo
 * @property {GameName} game
 * @property {boolean} enabled
 * @property {string} rules
 * @property {number} min_stake
 * @property {number} max_stake
 * @property {number} [max_bet] on one position, in roulette
 * @property {number} [abandon_after_seconds] blackjack
 * @property {any} sheet
 */
export {};
