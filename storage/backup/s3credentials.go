package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3Credentials are the keys of the options, or come from where the tools of AWS look for them.
func s3Credentials(o TargetOptions) (*credentials.Credentials, error) {
	if (o.S3AccessKey == "") != (o.S3SecretKey == "") || (o.S3SessionToken != "" && o.S3AccessKey == "") {
		return nil, errors.New("S3 needs an access key and a secret key together: give both, or neither to use those of the environment, ~/.aws/credentials or the machine's role")
	}
	if o.S3AccessKey != "" {
		return credentials.NewStaticV4(o.S3AccessKey, o.S3SecretKey, o.S3SessionToken), nil
	}
	return credentials.New(&credentialChain{}), nil
}

// credentialChain takes the first keys that it finds. The library's own chain would go on without keys, and the target's
// answer to that says nothing about what is missing.
type credentialChain struct {
	current credentials.Provider
}

// errNoCredentials means that there are no keys for S3.
var errNoCredentials = errors.New("no keys for S3")

// RetrieveWithCredContext looks for keys, and says where it looked if there are none.
func (c *credentialChain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	// On a machine without roles nothing answers: wait less than for a target.
	role := &credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}}
	var file, machine error
	for _, p := range []struct {
		provider credentials.Provider
		err      *error
	}{{&credentials.EnvAWS{}, nil}, {&credentials.FileAWSCredentials{}, &file}, {role, &machine}} {
		value, err := p.provider.RetrieveWithCredContext(cc)
		if err == nil && value.AccessKeyID != "" && value.SecretAccessKey != "" {
			c.current = p.provider
			return value, nil
		}
		if p.err != nil {
			*p.err = err
		}
	}
	// The reader of the file quotes lines that it doesn't understand, which may be keys.
	inFile := "has no usable keys for the profile"
	if file == nil || errors.Is(file, fs.ErrNotExist) {
		inFile = "is not there"
	}
	return credentials.Value{}, fmt.Errorf("%w: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, ~/.aws/credentials (or AWS_SHARED_CREDENTIALS_FILE) %s, "+
		"and the machine has no role (%v): give keys in one of these ways, or in the configuration", errNoCredentials, inFile, machine)
}

// Retrieve looks for keys.
func (c *credentialChain) Retrieve() (credentials.Value, error) {
	return c.RetrieveWithCredContext(nil)
}

// IsExpired says whether keys must be looked for again.
func (c *credentialChain) IsExpired() bool {
	return c.current == nil || c.current.IsExpired()
}
