package storage

import (
	"crypto/md5" //nolint:gosec // Cloud Storage tells it of every object
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
)

// A store keeps the contents of objects in files, one for each generation, and an index beside them.
type store struct {
	dir string

	mu    sync.Mutex
	index index
}

type index struct {
	Last     int64     `json:"last"`     // generation that was given last
	Versions []version `json:"versions"` // in the order of their being written
}

// A version is one generation of an object.
type version struct {
	Bucket      string    `json:"bucket"`
	Object      string    `json:"object"`
	Generation  int64     `json:"generation"`
	ContentType string    `json:"content_type,omitempty"`
	Size        int       `json:"size"`
	MD5         string    `json:"md5"`
	CRC32C      string    `json:"crc32c"`
	Created     time.Time `json:"created"`
	Deleted     time.Time `json:"deleted,omitzero"` // zero: the live one
}

// metageneration is what all objects have: their metadata are never changed.
const metageneration = 1

func open(dir string) (*store, error) {
	s := &store{dir: dir}
	return s, disk.Load(s.path(), &s.index)
}

func (s *store) path() string { return filepath.Join(s.dir, "index.json") }

func (s *store) content(generation int64) string {
	return filepath.Join(s.dir, "objects", strconv.FormatInt(generation, 10))
}

// find returns a generation of an object; 0 is the live one.
func (s *store) find(bucket, object string, generation int64) (version, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.at(bucket, object, generation); i >= 0 {
		return s.index.Versions[i], true
	}
	return version{}, false
}

// at is where a generation is in the index, or -1. The caller holds mu.
func (s *store) at(bucket, object string, generation int64) int {
	return slices.IndexFunc(s.index.Versions, func(v version) bool {
		return v.Bucket == bucket && v.Object == object &&
			(v.Generation == generation || generation == 0 && v.Deleted.IsZero())
	})
}

func (s *store) read(v version) ([]byte, error) {
	data, err := os.ReadFile(s.content(v.Generation))
	if err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	return data, nil
}

// list returns what begins with prefix, in the order of names and then generations.
func (s *store) list(bucket, prefix string, versions bool) []version {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []version
	for _, v := range s.index.Versions {
		if v.Bucket == bucket && strings.HasPrefix(v.Object, prefix) && (versions || v.Deleted.IsZero()) {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b version) int { return strings.Compare(a.Object, b.Object) })
	return found
}

var errCondition = errors.New("a condition does not hold")

// write makes data the live generation of an object.
func (s *store) write(b Bucket, object, contentType string, data []byte, c conditions) (version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.at(b.Name, object, 0)
	if !c.hold(s.generation(before)) {
		return version{}, errCondition
	}
	v := version{
		Bucket: b.Name, Object: object, ContentType: contentType, Size: len(data), Created: time.Now().UTC(),
		Generation: max(time.Now().UnixMicro(), s.index.Last+1),
	}
	sum := md5.Sum(data) //nolint:gosec // see above
	v.MD5 = base64.StdEncoding.EncodeToString(sum[:])
	v.CRC32C = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))))
	if err := disk.Write(s.content(v.Generation), data); err != nil {
		return version{}, fmt.Errorf("writing an object: %w", err)
	}
	s.index.Last = v.Generation
	s.retire(b, before)
	s.index.Versions = append(s.index.Versions, v)
	return v, disk.Save(s.path(), s.index)
}

// remove deletes a generation for good, or with generation 0 the live one, of which a bucket with versions keeps a
// noncurrent version (https://cloud.google.com/storage/docs/object-versioning#deletion-behavior).
func (s *store) remove(b Bucket, object string, generation int64, c conditions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.at(b.Name, object, generation)
	if i < 0 {
		return fs.ErrNotExist
	}
	if !c.hold(s.generation(i)) {
		return errCondition
	}
	if generation != 0 {
		b.Versions = false
	}
	s.retire(b, i)
	return disk.Save(s.path(), s.index)
}

func (s *store) generation(i int) int64 {
	if i < 0 {
		return 0
	}
	return s.index.Versions[i].Generation
}

// retire ends a version's being live. The caller holds mu.
func (s *store) retire(b Bucket, i int) {
	switch {
	case i < 0:
	case b.Versions:
		s.index.Versions[i].Deleted = time.Now().UTC()
	default:
		_ = os.Remove(s.content(s.index.Versions[i].Generation))
		s.index.Versions = slices.Delete(s.index.Versions, i, i+1)
	}
}
