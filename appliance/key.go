package appliance

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"imperio/appliance/config"
	"imperio/storage"
	"imperio/storage/engine"
	"imperio/storage/seal"
)

// KeyFile is the name of the file in the data directory that holds the casino's key, where the configuration gives none.
const KeyFile = "encryption.key"

// keySource is where the casino's key comes from.
type keySource struct {
	given config.Secret // by the configuration; empty: the key is in the data directory
	file  string        // that the given one was read from; empty: it was given otherwise
}

func keyFrom(c config.Data) keySource { return keySource{c.EncryptionKey, c.EncryptionKeyFile} }

// path is the file that holds the key; "" if it is in none.
func (k keySource) path(dir string) string {
	if k.given != "" {
		return k.file
	}
	return filepath.Join(dir, KeyFile)
}

// read reads the key of a directory's casino, and derives the keys from it. The error wraps fs.ErrNotExist if there is none.
func (k keySource) read(dir string) (*seal.Keys, error) {
	key, err := k.bytes(dir)
	if err != nil {
		return nil, err
	}
	return seal.New(key), nil
}

// bytes reads the key itself. The error wraps fs.ErrNotExist if there is none.
func (k keySource) bytes(dir string) (key [seal.KeySize]byte, err error) {
	path := k.path(dir)
	if path != "" {
		if err := checkPrivate(path); err != nil {
			return key, err
		}
	}
	text := k.given
	if text == "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return key, fmt.Errorf("read the casino's key: %w", err)
		}
		text = config.Secret(strings.TrimSpace(string(data)))
	}
	if key, err = text.Key32(); err != nil {
		return key, fmt.Errorf("the casino's key (%s) is damaged: %w. Put the right one back", path, err)
	}
	return key, nil
}

// readOrMake is read for a casino that is made just now, and has no secrets yet: it makes a key if there is none.
func (k keySource) readOrMake(dir string) (*seal.Keys, error) {
	keys, err := k.read(dir)
	if !errors.Is(err, fs.ErrNotExist) || k.given != "" {
		return keys, err
	}
	var key [seal.KeySize]byte
	rand.Read(key[:]) // never fails
	if err := engine.WriteFile(k.path(dir), []byte(hex.EncodeToString(key[:])+"\n")); err != nil {
		return nil, fmt.Errorf("make the casino's key: %w", err)
	}
	return seal.New(key), nil
}

// readExisting is read for a casino that exists. It never makes a key: the casino's secrets are sealed with the old one.
func (k keySource) readExisting(dir string) (*seal.Keys, error) {
	keys, err := k.read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the casino's key is missing: %s is not there, and the configuration gives none. Server seeds and passwords are sealed with it. Put the file back, or name the key's file with --encryption-key-file. Nothing was changed", k.path(dir))
	}
	return keys, err
}

// explain tells of a wrong key where it came from, and what to do.
func (k keySource) explain(dir string, err error) error {
	if !errors.Is(err, storage.ErrWrongKey) {
		return err
	}
	from := "the key in " + k.path(dir)
	if k.path(dir) == "" {
		from = "the key that IMPERIO_ENCRYPTION_KEY or the configuration file gives"
	}
	return fmt.Errorf("%w: %s. Give the key that this casino was made with. Nothing was changed", err, from)
}

// checkPrivate refuses a directory or a file that other users of the machine can use.
func checkPrivate(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	mode := fi.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	what, want := "file", "600"
	if fi.IsDir() {
		what, want = "directory", "700"
	}
	return fmt.Errorf("other users of this machine can use the %s %s (mode %04o), which holds the casino's secrets. Run 'chmod %s %s', and try again",
		what, path, mode, want, path)
}
