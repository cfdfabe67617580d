package storetest

// rules are the numbered rules in the comments of journal.Store and
// journal.AtomicStore, word for word (a test compares them), so that a failing
// case can say what was broken.
var rules = map[int]string{
	1: "Put writes r if the stored version equals r.Version (0: no record with that id exists), and returns r as stored, its Version grown by one.",
	2: "A Put at any other version changes nothing and returns the record that is stored (the zero Record where there is none) with ErrConflict.",
	3: "When Put or Delete returns nil the change is durable: it survives the end of the process and of the machine.",
	4: "Nothing is read that is not durable. Get, List, Due, and the record that comes with ErrConflict show no write that a crash could still take back.",
	5: "Get returns the latest record that was written, or ErrNotFound.",
	6: "Delete removes the record if its version equals version; another version is ErrConflict, no record is ErrNotFound.",
	7: "Due returns at most limit records, each once, whose Due is set and not after before, the earliest first; none if limit is below 1. It is a hint: it may lag behind, come out of order, or show an old version. " +
		"Who takes work from it Gets the record and takes it by a Put. It forgets nothing for ever.",
	8: "List returns at most limit records whose id starts with prefix and is greater than after, in the order of their ids; none if limit is below 1. " +
		"Any bytes may stand in prefix and after, and mean themselves. A record that exists throughout a walk, each call starting after the last id of the one before, is seen exactly once.",
	9:  "Any failure that leaves open whether a write was applied (a timeout, a lost connection, a context that ended) is ErrUnknown. The caller Gets the record and looks; it never assumes.",
	10: "A record that breaks the limits of Record.Check is refused with core.CodeInvalid, and nothing changes; so is, by Get and Delete, an id that CheckID refuses.",
	11: "Due and Expires are kept to the millisecond; what is finer is cut off. They come back in UTC. Bodies come back as they were, nil as empty, and share no memory with the caller's.",
	12: "A context that has ended before the call gives an error that wraps the context's and is not ErrUnknown, and nothing changes.",
	13: "PutAll writes every record, as Put does, if each names the version that is stored (0: no record with that id exists), and returns them as stored, in the order of the call.",
	14: "If one of them names another version, nothing changes: PutAll returns what is stored for each, in the order of the call (the zero Record where there is none), with ErrConflict. " +
		"Which of them lost, their versions tell.",
	15: "All of the records come into effect, or none does: under racing writers, after a crash, and when PutAll is ErrUnknown.",
	16: "PutAll takes at most MaxPutAll records, whose ids differ; anything else is refused with core.CodeInvalid, as CheckAll says, and nothing changes. Of no records it does nothing. " +
		"A store that stands before another which has no PutAll returns errors.ErrUnsupported, for no records too.",
}
