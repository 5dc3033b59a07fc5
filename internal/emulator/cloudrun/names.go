package cloudrun

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// domain is what run.app is on Google Cloud.
const domain = ".run.localhost"

// maxTagAndService leaves room for "---", "-", a hash and a region code in a DNS label.
const maxTagAndService = 46

var (
	serviceID  = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,47}[a-z0-9])?$`)
	revisionID = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	tagID      = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	region     = regexp.MustCompile(`^([a-z]+)-([a-z]+)([0-9]+)$`)
)

// host is the name in the service's URL.
func (v *service) host() string {
	sum := sha256.Sum256([]byte(v.Project + "/" + v.Location))
	return v.ID + "-" + hex.EncodeToString(sum[:])[:10] + "." + regionCode(v.Location) + domain
}

// url is the URL of the service, or of one of its tags.
func (v *service) url(tag string, port int) string {
	host := v.host()
	if tag != "" {
		host = tag + "---" + host
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// regionCode shortens a region as run.app does: us-central1 is uc, europe-west1 is ew.
func regionCode(location string) string {
	m := region.FindStringSubmatch(location)
	if m == nil {
		return "xx"
	}
	code := m[1][:1] + m[2][:1]
	if m[3] != "1" {
		code += m[3]
	}
	return code
}

// nextRevision is a name for a revision whose template has none: SERVICE-00007-x4f.
func nextRevision(v *service) string {
	name := v.ID
	if len(name) > 52 {
		name = strings.TrimRight(name[:52], "-")
	}
	const letters = "bcdfghjklmnpqrstvwxz"
	sum := sha256.Sum256([]byte(v.UID + strconv.Itoa(v.Numbered+1)))
	suffix := make([]byte, 3)
	for n := range suffix {
		suffix[n] = letters[int(sum[n])%len(letters)]
	}
	return fmt.Sprintf("%s-%05d-%s", name, v.Numbered+1, suffix)
}
