package machine

// Unexported records and keys, for golden vectors.
type (
	LimitsRecord     = limitsRecord
	SessionRecord    = sessionRecord
	SessionRef       = sessionRef
	ValueRecord      = valueRecord
	LockRecord       = lockRecord
	InvitationRecord = invitationRecord
	PendingRecord    = pendingRecord
)

var (
	Encode        = encode
	AccountKey    = accountKey
	EventKey      = eventKey
	RoundKey      = roundKey
	PairKey       = pairKey
	ImportKey     = importKey
	GenerationKey = generationKey
	ChainHash     = chainHash
)

// Decode reads a record.
func Decode(data []byte, v any) error { return decMode.Unmarshal(data, v) }
