package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// scripts are dpkg's hooks, in deploy/deb.
var scripts = []string{"preinst", "postinst", "prerm", "postrm"}

// makeDeb writes the Debian package for a platform, and returns its name.
func (r *release) makeDeb(ctx context.Context, p platform, documents []entry) (string, error) {
	if _, err := os.Stat(r.nfpm); err != nil {
		return "", fmt.Errorf("nfpm makes packages: %w; `make deb` builds it", err)
	}
	nfpm, err := filepath.Abs(r.nfpm)
	if err != nil {
		return "", err
	}
	binary, err := r.build(ctx, p)
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	maintainer := cmp.Or(os.Getenv("DEB_MAINTAINER"), "imperio@invalid")
	version := debVersion(r.version, r.time)
	entries, err := r.debFiles(program, documents, version, maintainer)
	if err != nil {
		return "", err
	}
	stage := filepath.Join(r.work, "deb_"+p.arch)
	for _, e := range entries {
		if err := r.stage(filepath.Join(stage, filepath.FromSlash(e.name)), e); err != nil {
			return "", err
		}
	}
	name := fmt.Sprintf("imperio_%s_%s.deb", version, p.debArch())
	target, err := filepath.Abs(filepath.Join(r.out, name))
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, nfpm, "package", "--config", "nfpm.yaml", "--packager", "deb", "--target", target)
	command.Dir = stage
	command.Env = append(os.Environ(), "DEB_ARCH="+p.debArch(), "DEB_VERSION="+version, "DEB_MAINTAINER="+maintainer,
		"SOURCE_DATE_EPOCH="+strconv.FormatInt(r.time.Unix(), 10))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("nfpm: %w\n%s", err, out)
	}
	return name, nil
}

// stage writes a file for nfpm, with all its directories, as they shall be in the package.
func (r *release) stage(file string, e entry) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, e.data, e.mode); err != nil {
		return err
	}
	if err := os.Chmod(file, e.mode); err != nil { // whatever the umask is
		return err
	}
	return os.Chtimes(file, r.time, r.time)
}

// debFiles are the package's files below root, and what nfpm reads beside them.
func (r *release) debFiles(program []byte, documents []entry, version, maintainer string) ([]entry, error) {
	all := []entry{{"root/usr/bin/imperio", 0o755, program}}
	config, err := os.ReadFile("deploy/deb/nfpm.yaml")
	if err != nil {
		return nil, err
	}
	all = append(all, entry{"nfpm.yaml", 0o644, config})
	for _, name := range scripts {
		text, err := os.ReadFile("deploy/deb/" + name)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{name, 0o755, bytes.ReplaceAll(text, []byte("@VERSION@"), []byte(r.version))})
	}
	copyright, err := os.ReadFile("deploy/deb/copyright")
	if err != nil {
		return nil, err
	}
	all = append(all, entry{"root/usr/share/doc/imperio/copyright", 0o644, copyright})
	changes, err := zip(fmt.Appendf(nil, "imperio (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.gz beside this file.\n\n -- The Imperio authors <%s>  %s\n",
		version, maintainer, r.time.Format(time.RFC1123Z)))
	if err != nil {
		return nil, err
	}
	all = append(all, entry{"root/usr/share/doc/imperio/changelog.gz", 0o644, changes})
	for _, d := range documents {
		e, err := debFile(d)
		if err != nil {
			return nil, err
		}
		if e.name != "" {
			all = append(all, e)
		}
	}
	return all, nil
}

// debFile is a document in its place in the package; without a name if it has none.
func debFile(d entry) (entry, error) {
	const doc = "root/usr/share/doc/imperio/"
	compressed := func(name string) (entry, error) {
		data, err := zip(d.data)
		return entry{name + ".gz", 0o644, data}, err
	}
	switch dir, base := path.Split(d.name); {
	case d.name == "deploy/imperio.env.example":
		return entry{doc + "examples/imperio.env", 0o644, d.data}, nil
	case dir == "deploy/systemd/":
		unit, err := packagedUnit(d.data)
		return entry{"root/usr/lib/systemd/system/" + base, 0o644, unit}, err
	case base == "imperio.1":
		return compressed("root/usr/share/man/man1/imperio.1")
	case base == "imperio.bash":
		return entry{"root/usr/share/bash-completion/completions/imperio", 0o644, d.data}, nil
	case base == "_imperio":
		return entry{"root/usr/share/zsh/vendor-completions/_imperio", 0o644, d.data}, nil
	case base == "imperio.fish":
		return entry{"root/usr/share/fish/vendor_completions.d/imperio.fish", 0o644, d.data}, nil
	case d.name == "NOTICES" || d.name == "CHANGELOG.md":
		return compressed(doc + base)
	case d.name == "README.md" || d.name == "SECURITY.md":
		return entry{doc + base, 0o644, d.data}, nil
	case dir == "docs/" && path.Ext(base) == ".md":
		return entry{doc + d.name, 0o644, d.data}, nil
	case strings.HasPrefix(d.name, "deploy/") && dir != "deploy/" && dir != "deploy/container/" && dir != "deploy/kubernetes/":
		return entry{doc + "examples/" + strings.TrimPrefix(d.name, "deploy/"), 0o644, d.data}, nil
	}
	return entry{}, nil
}

// packagedUnit is a unit of deploy/systemd with the package's paths.
func packagedUnit(unit []byte) ([]byte, error) {
	text := strings.NewReplacer("/usr/local/bin/imperio", "/usr/bin/imperio", "/usr/local/share/doc/imperio", "/usr/share/doc/imperio/docs").Replace(string(unit))
	if strings.Contains(text, "/usr/local") {
		return nil, errors.New("a unit of deploy/systemd names a path below /usr/local that the package does not know: add it to packagedUnit")
	}
	return []byte(text), nil
}
