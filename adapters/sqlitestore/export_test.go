package sqlitestore

// TendLogAt makes s bring the log into the database whenever it has grown by
// so many pages, so that a test need not write 16 MB for each.
func (s *Store) TendLogAt(pages int64) { s.log.step = pages }
