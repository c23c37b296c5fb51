package main

import "imperio/appliance/config"

// backupsFlags are the flags of a verb that works on the casino's own backups.
type backupsFlags struct {
	Data    dataDirFlags   `embed:""`
	Backups config.Backups `embed:""`
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
