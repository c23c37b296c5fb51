package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"time"

	"imperio/storage/command"
)

// Device names a browser to one account that has signed in from it. It holds no session and grants nothing: it only chooses
// whose wrong passwords a sign-in counts with.
type Device [16]byte

// DeviceLifetime is how long a browser is known after its last sign-in.
const DeviceLifetime = 365 * 24 * time.Hour

// mostDevices is how many accounts one browser is known to: those of a household.
const mostDevices = 8

// deviceCookie names the cookie; see CookieName.
const deviceCookie = SessionCookie + "-device"

// DeviceSigner authenticates the content of device cookies with the casino's key.
type DeviceSigner interface {
	Devices(content []byte) [sha256.Size]byte
}

// Devices are the accounts that one browser is known to, the newest first. The zero Devices are none.
type Devices struct {
	list []knownDevice
}

type knownDevice struct {
	account command.AccountID
	device  Device
	expires int64 // Unix seconds
}

const (
	deviceSize    = 8 + len(Device{}) + 8
	deviceVersion = 1 // the first byte of the content
)

// ReadDevices reads the device cookie of a request. A cookie that is missing, too long, altered or of another casino names none;
// accounts whose time has passed are left out.
func ReadDevices(r *http.Request, secure bool, now time.Time, signer DeviceSigner) Devices {
	c, err := r.Cookie(CookieName(deviceCookie, r, secure))
	if err != nil || len(c.Value) > base64.RawURLEncoding.EncodedLen(1+mostDevices*deviceSize+sha256.Size) {
		return Devices{}
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil || len(data) < 1+sha256.Size || (len(data)-1-sha256.Size)%deviceSize != 0 || data[0] != deviceVersion {
		return Devices{}
	}
	content, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := signer.Devices(content); !hmac.Equal(sum, want[:]) {
		return Devices{}
	}
	var d Devices
	for rest := content[1:]; len(rest) > 0; rest = rest[deviceSize:] {
		k := knownDevice{
			account: command.AccountID(binary.BigEndian.Uint64(rest)), device: Device(rest[8:]),
			expires: int64(binary.BigEndian.Uint64(rest[8+len(Device{}):])),
		}
		if k.expires > now.Unix() {
			d.list = append(d.list, k)
		}
	}
	return d
}

// Of is the browser's name to an account; ok is false if the account does not know it.
func (d Devices) Of(account command.AccountID) (device Device, ok bool) {
	for _, k := range d.list {
		if k.account == account {
			return k.device, true
		}
	}
	return Device{}, false
}

// Cookie makes the cookie in the answer to a sign-in. The account becomes the newest: it keeps the browser's name if it knows one, and
// draws one from random otherwise. The oldest of more than eight accounts is forgotten.
func (d Devices) Cookie(r *http.Request, account command.AccountID, now time.Time, secure bool, signer DeviceSigner, random io.Reader) (*http.Cookie, error) {
	expires := now.Add(DeviceLifetime)
	newest := knownDevice{account: account, expires: expires.Unix()}
	var known bool
	if newest.device, known = d.Of(account); !known {
		if _, err := io.ReadFull(random, newest.device[:]); err != nil {
			return nil, fmt.Errorf("draw a device's name: %w", err)
		}
	}
	content := newest.append([]byte{deviceVersion})
	for _, k := range d.list {
		if k.account != account && len(content) < 1+mostDevices*deviceSize {
			content = k.append(content)
		}
	}
	sum := signer.Devices(content)
	return &http.Cookie{
		Name: CookieName(deviceCookie, r, secure), Value: base64.RawURLEncoding.EncodeToString(append(content, sum[:]...)), Path: "/",
		Expires: expires.UTC(), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}, nil
}

func (k knownDevice) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(k.account))
	b = append(b, k.device[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(k.expires))
}
