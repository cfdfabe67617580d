package pgstore

// MigrateBy is Migrate by other steps than ours.
var MigrateBy = migrate
