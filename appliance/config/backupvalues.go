package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/robfig/cron/v3"
)

// Schedule is when something is done, in local time: five fields as in cron, a descriptor such as @daily, or off.
type Schedule string

// UnmarshalText takes a schedule or off.
func (s *Schedule) UnmarshalText(text []byte) error {
	taken := Schedule(strings.Join(strings.Fields(string(text)), " "))
	if err := taken.check(); err != nil {
		return err
	}
	*s = taken
	return nil
}

// Off says whether nothing is to be done by itself.
func (s Schedule) Off() bool { return s == off }

// Cron is the schedule of cron; ok is false if it is off.
func (s Schedule) Cron() (schedule cron.Schedule, ok bool) {
	schedule, err := cron.ParseStandard(string(s))
	return schedule, err == nil
}

func (s Schedule) check() error {
	if s.Off() {
		return nil
	}
	// The library also knows intervals, and times of other zones.
	schedule, err := cron.ParseStandard(string(s))
	if err != nil || strings.HasPrefix(string(s), "@every") || strings.Contains(string(s), "TZ=") {
		return fmt.Errorf("%q is neither off nor a schedule such as '0 2 * * *' (daily at 02:00), '30 */6 * * *' (every six hours) or @daily", string(s))
	}
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fmt.Errorf("%q never comes: there is no such day", string(s))
	}
	return nil
}

// Compression is how backups are compressed.
type Compression string

// The methods of compression.
const (
	CompressZstd Compression = "zstd"
	CompressGzip Compression = "gzip"
)

// UnmarshalText takes the name of a method.
func (c *Compression) UnmarshalText(text []byte) error {
	switch method := Compression(text); method {
	case CompressZstd, CompressGzip:
		*c = method
		return nil
	}
	return fmt.Errorf("%q is neither zstd nor gzip", text)
}

// AgeRecipient is a public key of age. Parse it with age.ParseRecipients.
type AgeRecipient string

// UnmarshalText takes one recipient. Identities, which are secret, are refused, so that they are never stored or printed.
func (r *AgeRecipient) UnmarshalText(text []byte) error {
	taken := AgeRecipient(text)
	if err := taken.check(); err != nil {
		return err
	}
	*r = taken
	return nil
}

// check doesn't quote the text: it could be the secret key, by mistake.
func (r AgeRecipient) check() error {
	if strings.HasPrefix(strings.ToUpper(string(r)), "AGE-SECRET-KEY-") {
		return errors.New("this is a secret key of age: keep it away from the casino, and name its public key, age1… ('age-keygen -y' prints it)")
	}
	list, err := age.ParseRecipients(strings.NewReader(string(r)))
	if err != nil || len(list) != 1 {
		return errors.New("not a public key of age: use one such as age1…, which age-keygen prints")
	}
	return nil
}
