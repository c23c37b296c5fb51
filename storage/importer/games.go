package importer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"imperio/games"
	"imperio/storage/command"
)

// mostOpenGames bounds the games that are kept in memory. Each was left open by a player, so there are far fewer.
const mostOpenGames = 4 << 20

// openGame is a game whose row is not closed.
type openGame struct {
	row   string
	stake games.Coins
	notes []Note
}

// openGames are the games whose rows are not closed, by player. Games of nobody are under stray.
type openGames struct {
	of       map[int64][]openGame
	stray    []openGame
	finished int64
}

// readGames reads the games that are not finished, and what is to be returned of each.
func readGames(ctx context.Context, s *Source) (*openGames, error) {
	g := &openGames{of: make(map[int64][]openGame)}
	kept, stakes := 0, make(map[int64]games.Coins)
	err := s.games(ctx, func(row gameRow) error {
		stake, notes, finished := gameRule(&row)
		if finished {
			g.finished++
			return nil
		}
		if kept++; kept > mostOpenGames {
			return fmt.Errorf("the table %s has more than %d open games, which no casino has. Import without them with --without-games, or mend the table", gamesTable, mostOpenGames)
		}
		game := openGame{row: idText(row.id), stake: stake, notes: notes}
		if row.user.kind != integer {
			game.notes = []Note{note("game_without_user", "user_id is %s", row.user.shown())}
			g.stray = append(g.stray, game)
			return nil
		}
		id := row.user.number
		if stakes[id]+stake > command.MaxAmount {
			game.stake, game.notes = 0, append(notes, note("wager_too_many", "the player has more than %d coins in open games", command.MaxAmount))
		}
		stakes[id] += game.stake
		g.of[id] = append(g.of[id], game)
		return nil
	})
	return g, err
}

// take removes and returns a player's games.
func (g *openGames) take(user int64) []openGame {
	taken := g.of[user]
	delete(g.of, user)
	return taken
}

// rest removes and returns the games that nobody took, as those of a player who does not exist.
func (g *openGames) rest() []openGame {
	users := make([]int64, 0, len(g.of))
	for user := range g.of {
		users = append(users, user)
	}
	slices.Sort(users)
	rest := g.stray
	for _, user := range users {
		for _, game := range g.of[user] {
			game.notes = []Note{note("game_without_user", "there is no user %d", user)}
			rest = append(rest, game)
		}
	}
	g.of, g.stray = nil, nil
	slices.SortStableFunc(rest, func(a, b openGame) int { return cmp.Compare(len(a.row), len(b.row)) })
	return rest
}

func sumOf(all []openGame) (sum games.Coins) {
	for _, g := range all {
		sum += g.stake
	}
	return sum
}

// idText is an id in a report.
func idText(v value) string {
	if v.kind == integer {
		return v.string()
	}
	return v.shown()
}
