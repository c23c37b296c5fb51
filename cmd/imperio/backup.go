package main

// backupCommand are the verbs about backups.
type backupCommand struct {
	List    backupListCommand    `cmd:"" help:"Show what a target holds: which moments can be restored, gaps, and archives."`
	Inspect backupInspectCommand `cmd:"" help:"Print the manifest of a backup. It needs no key."`
	Verify  backupVerifyCommand  `cmd:"" help:"Restore an archive into a temporary directory, and audit it."`
	Restore backupRestoreCommand `cmd:"" help:"Bring a stopped casino back to the latest state or to a moment."`
	Prune   backupPruneCommand   `cmd:"" help:"Delete what is older than backups are kept."`
}

// backupFromFlags say where backups are read from.
type backupFromFlags struct {
	From string `name:"from" placeholder:"URL" help:"Where the backups are: file:///path or s3://bucket/prefix. The default is the first configured target (backup-to) that answers."`
}

// backupKeyFlags are keys that a backup may need.
type backupKeyFlags struct {
	Identity string `name:"identity-file" placeholder:"FILE" help:"File with age identities, which open encrypted backups."`
	Key      string `name:"key-file" placeholder:"FILE" help:"File with the casino's key, where neither the backup nor the data directory has it."`
}
