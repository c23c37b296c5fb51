package appliance

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"imperio/appliance/config"
	"imperio/storage/backup"
	"imperio/storage/seal"
)

// backupKeys are the keys that a backup may need: age identities, and candidates for the casino's key.
type backupKeys struct {
	identities []age.Identity
	candidates []keyCandidate
}

// keyCandidate is a key that may be the casino's.
type keyCandidate struct {
	from string // in words
	key  [seal.KeySize]byte
	keys *seal.Keys
	// must is set if the operator said that this is the key: another one is a mistake.
	must string // what to do if it is another casino's
}

// findBackupKeys gathers keys: those that the operator names, the configuration's, and the data directory's. No file but a
// named one must be there.
func findBackupKeys(identityFile, keyFile string, data config.Data) (k backupKeys, err error) {
	if identityFile != "" {
		if k.identities, err = readIdentities(identityFile); err != nil {
			return k, err
		}
	}
	if keyFile != "" {
		key, err := readKeyFile(keyFile)
		if err != nil {
			return k, err
		}
		k.add(key, "the file "+keyFile, "Name the right file with --key-file")
	}
	if data.EncryptionKey != "" {
		key, err := data.EncryptionKey.Key32()
		if err != nil {
			return k, fmt.Errorf("the configured encryption-key: %w", err)
		}
		k.add(key, "the configuration (encryption-key)", "Configure the casino's key, or none: the restored casino starts with no other")
		return k, nil
	}
	path := filepath.Join(data.Dir, KeyFile)
	if key, err := readKeyFile(path); err == nil {
		k.add(key, path, "")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	return k, nil
}

func (k *backupKeys) add(key [seal.KeySize]byte, from, must string) {
	k.candidates = append(k.candidates, keyCandidate{from, key, seal.New(key), must})
}

// readKeyFile reads a file with the casino's key.
func readKeyFile(path string) (key [seal.KeySize]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return key, fmt.Errorf("read the casino's key: %w", err)
	}
	if key, err = config.Secret(strings.TrimSpace(string(text))).Key32(); err != nil {
		return key, fmt.Errorf("the casino's key in %s: %w", path, err)
	}
	return key, nil
}

// readIdentities reads a file that age-keygen has made. Its errors don't quote it.
func readIdentities(path string) ([]age.Identity, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the age identity: %w", err)
	}
	if s := string(text); strings.HasPrefix(s, "age-encryption.org/") || strings.HasPrefix(s, "-----BEGIN AGE ENCRYPTED FILE-----") {
		return nil, fmt.Errorf("%s is protected by a passphrase. Decrypt it into memory, and name that file: age -d -o /dev/shm/identity %[1]s. Delete it afterwards", path)
	}
	list, err := age.ParseIdentities(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s holds no age identity. It should have a line that begins with AGE-SECRET-KEY-1, as age-keygen writes it", path)
	}
	return list, nil
}

// forBackup returns the keys that open a backup.
func (k *backupKeys) forBackup() []age.Identity {
	list := append([]age.Identity{}, k.identities...)
	for i := range k.candidates {
		list = append(list, backup.NewHouse(k.candidates[i].keys.Backups()))
	}
	return list
}

// check refuses keys that the operator gave and that are not those of a backup. Without this, it would show only after the
// state was fetched.
func (k *backupKeys) check(m *backup.Manifest) error {
	for i := range k.candidates {
		if c := &k.candidates[i]; c.must != "" && !c.isOf(m) {
			return fmt.Errorf("%s holds another key than the casino's: the backup was made with the key %s, and this is %s. %s",
				c.from, short(m.KeyID), short(hexID(c.keys)), c.must)
		}
	}
	if _, found := k.of(m); !found && !m.KeyIncluded {
		return fmt.Errorf("the casino's key (%s) is not in the backup, and was not found: the configuration gives none, and the data directory has no %s of it. Name its file with --key-file", short(m.KeyID), KeyFile)
	}
	return nil
}

// of finds the key of a backup's casino.
func (k *backupKeys) of(m *backup.Manifest) (*keyCandidate, bool) {
	for i := range k.candidates {
		if c := &k.candidates[i]; c.isOf(m) {
			return c, true
		}
	}
	return nil, false
}

// take adds the key that a backup holds.
func (k *backupKeys) take(key []byte) {
	if len(key) == seal.KeySize {
		k.add([seal.KeySize]byte(key), "the backup", "")
	}
}

func (c *keyCandidate) isOf(m *backup.Manifest) bool { return hexID(c.keys) == m.KeyID }

func hexID(k *seal.Keys) string {
	id := k.ID()
	return hex.EncodeToString(id[:])
}

// short is the beginning of a key's id, which names the key and tells nothing of it.
func short(id string) string { return id[:min(len(id), 8)] }
