package backup

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// s3Location is what an s3:// URL says.
type s3Location struct {
	bucket   string
	prefix   string // of all keys: "" or ending with a slash
	endpoint string // host or host:port
	secure   bool   // HTTPS
	region   string
	lookup   minio.BucketLookupType // where a request names the bucket: in the path or in the host
}

// parseS3 reads s3://bucket/prefix?endpoint=https://host:port&region=…&path-style=true|false.
func parseS3(u *url.URL) (s3Location, error) {
	at := s3Location{bucket: u.Host, endpoint: "s3.amazonaws.com", secure: true, region: "us-east-1", lookup: minio.BucketLookupAuto}
	if u.Port() != "" {
		return at, errors.New("s3:// is followed by a bucket, without a port: name the server as ?endpoint=https://host:port")
	}
	if err := s3utils.CheckValidBucketNameStrict(at.bucket); err != nil {
		return at, fmt.Errorf("%q can't be a bucket (%w): write s3://bucket/prefix?endpoint=https://host:port", at.bucket, err)
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		const longest = 300 // beside maxObjectName: S3 allows 1,024 bytes in all
		if len(prefix) > longest {
			return at, fmt.Errorf("the prefix in the target's URL has %d bytes: at most %d are allowed", len(prefix), longest)
		}
		if err := checkObjectName(prefix); err != nil {
			return at, fmt.Errorf("the prefix in the target's URL: %w", err)
		}
		at.prefix = prefix + "/"
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return at, errors.New("the parameters of the target's URL can't be read: write ?name=value&name=value, with % as %25")
	}
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if len(parameters[name]) != 1 || parameters[name][0] == "" {
			return at, fmt.Errorf("the parameter %s of the target's URL needs one value", name)
		}
		if err := at.set(name, parameters[name][0]); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (at *s3Location) set(name, value string) error {
	switch name {
	case "region":
		at.region = value
	case "path-style":
		switch value {
		case "true":
			at.lookup = minio.BucketLookupPath
		case "false":
			at.lookup = minio.BucketLookupDNS
		default:
			return errors.New("path-style is true (https://host/bucket) or false (https://bucket.host)")
		}
	case "endpoint":
		server, err := url.Parse(value)
		switch {
		case err == nil && server.User != nil:
			return errors.New("the endpoint holds a user or a password: take them out. Keys for S3 have their own settings")
		case err != nil || (server.Scheme != "https" && server.Scheme != "http") || server.Hostname() == "" ||
			strings.Trim(server.Path, "/") != "" || server.RawQuery != "" || server.Fragment != "":
			return errors.New("the endpoint is a server: write endpoint=https://host or endpoint=https://host:port")
		}
		// The client has its own idea of a host. Making one uses no network.
		if _, err := minio.New(server.Host, &minio.Options{}); err != nil {
			return fmt.Errorf("the endpoint %q can't be used: %w", server.Host, err)
		}
		at.endpoint, at.secure = server.Host, server.Scheme == "https"
	default:
		return fmt.Errorf("the target's URL has an unknown parameter %q: there are endpoint, region and path-style", name)
	}
	return nil
}

// server is the endpoint for error texts.
func (at *s3Location) server() string {
	if at.secure {
		return "https://" + at.endpoint
	}
	return "http://" + at.endpoint
}
