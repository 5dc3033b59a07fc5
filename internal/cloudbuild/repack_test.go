package cloudbuild

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// pack is an archive of headers, with as many bytes for each as it says.
func pack(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	out := tar.NewWriter(zipped)
	for _, h := range headers {
		if err := out.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 3, Mode: 0o664}
}

func folder(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o775}
}

func link(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
}

// unpack lists an archive: kind, mode, path, target.
func unpack(t testing.TB, data []byte) []string {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s is %d's", h.Name, h.Uid)
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%c %o %s %s", h.Typeflag, h.Mode, h.Name, h.Linkname)))
	}
}

func TestRepack(t *testing.T) {
	t.Parallel()
	script := file("r-1/bin/run")
	script.Mode, script.Uid, script.Uname = 0o4775, 7, "somebody"
	in := pack(
		t, tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": commit}},
		folder("r-1/"), file("r-1/a"), folder("r-1/bin/"), script, link("r-1/bin/b", "../a"), link("r-1/up", "bin/../bin"),
		file("r-1/.gitignore"), file("r-1/deep/er/..c"), file("r-1/a "+strings.Repeat("é", 80)),
	)
	var out, again bytes.Buffer
	if err := repack(&out, bytes.NewReader(in), commit, archiveLimits); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0 644 a", "5 755 bin/", "0 755 bin/run", "2 777 bin/b ../a", "2 777 up bin/../bin", "0 644 .gitignore", "0 644 deep/er/..c",
		"0 644 a " + strings.Repeat("é", 80),
	}
	if diff := cmp.Diff(want, unpack(t, out.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := repack(&again, bytes.NewReader(in), commit, archiveLimits); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Errorf("the same commit gives other bytes: %v", err)
	}
}

func TestRepackRefuses(t *testing.T) {
	t.Parallel()
	small := limits{packed: 1 << 20, unpacked: 20_000, entries: 5}
	large := file("r/large")
	large.Size = 30_000
	for name, tt := range map[string]struct {
		in   []byte
		says string
	}{
		"out of it":             {pack(t, file("r/../../etc/passwd")), "can't be unpacked"},
		"absolute":              {pack(t, file("/etc/passwd")), "beside the folder"},
		"beside":                {pack(t, file("r/a"), file("s/b")), "beside the folder"},
		"at the top":            {pack(t, file("a")), "beside its folder"},
		"dot":                   {pack(t, file("./a")), "beside the folder"},
		"empty segment":         {pack(t, file("r//a")), "can't be unpacked"},
		"git's own":             {pack(t, file("r/x/.git/hooks/post-checkout")), "can't be unpacked"},
		"git's own, in capital": {pack(t, file("r/.Git/config")), "can't be unpacked"},
		"link out":              {pack(t, link("r/x/l", "../../l")), "symbolic link leads out"},
		"absolute link":         {pack(t, link("r/l", "/etc")), "symbolic link leads out"},
		"link to above":         {pack(t, link("r/l", "..")), "symbolic link leads out"},
		"through a link":        {pack(t, link("r/l", "x"), file("r/l/passwd")), "leads through"},
		"link over a folder":    {pack(t, file("r/l/a"), link("r/l", "x")), "twice"},
		"through a file":        {pack(t, file("r/l"), file("r/l/a")), "leads through"},
		"twice":                 {pack(t, file("r/a"), file("r/a")), "twice"},
		"hard link":             {pack(t, tar.Header{Typeflag: tar.TypeLink, Name: "r/h", Linkname: "r/a"}), "no file, folder or symbolic link"},
		"device":                {pack(t, tar.Header{Typeflag: tar.TypeBlock, Name: "r/d"}), "no file, folder or symbolic link"},
		"too large":             {pack(t, large), "too large"},
		"too many":              {pack(t, file("r/1"), file("r/2"), file("r/3"), file("r/4"), file("r/5"), file("r/6")), "too large"},
		"another commit": {pack(t, tar.Header{
			Typeflag: tar.TypeXGlobalHeader, Name: "x", PAXRecords: map[string]string{"comment": strings.Repeat("f", 40)},
		}), "of another one"},
		"not gzip":  {[]byte("hello"), "reading the archive"},
		"empty":     {nil, "reading the archive"},
		"cut":       {pack(t, file("r/a"))[:60], "archive of a commit"},
		"damaged":   {damaged(pack(t, file("r/a"))), "archive of a commit"},
		"holes":     {sparse(t), "too large"},
		"zip bomb":  {pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "r/zeros", Size: 4 << 20}), "too large"},
		"long tail": {append(pack(t, file("r/a")), pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "r/b", Size: 1 << 20})...), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := repack(io.Discard, bytes.NewReader(tt.in), commit, small)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	if err := repack(io.Discard, bytes.NewReader(pack(t, file("r/a"))), commit, limits{packed: 30, unpacked: 20_000, entries: 5}); !strings.Contains(fmt.Sprint(err), "too large") {
		t.Errorf("packed beyond the limit: %v", err)
	}
	var user *preview.UserError
	if err := repack(io.Discard, bytes.NewReader(pack(t, large)), commit, small); !errors.As(err, &user) || user.Hint == "" {
		t.Errorf("%v is no UserError", err)
	}
}

// sparse has a file of many zeros that take no room in it:
// https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
func sparse(t *testing.T) []byte {
	t.Helper()
	var records, b bytes.Buffer
	for _, record := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=r/a", "GNU.sparse.realsize=50000000"} {
		_, _ = fmt.Fprintf(&records, "%d %s\n", len(record)+4, record)
	}
	zipped := gzip.NewWriter(&b)
	for _, part := range []struct {
		kind byte
		data string
	}{{tar.TypeXHeader, records.String()}, {tar.TypeReg, "0\n" + strings.Repeat("\x00", 510)}} {
		header := make([]byte, 512)
		copy(header, "r/a")
		copy(header[100:], "0000644\x000000000\x000000000\x00"+fmt.Sprintf("%011o\x00", len(part.data))+"00000000000\x00        "+string(part.kind))
		copy(header[257:], "ustar\x0000")
		sum := 0
		for _, c := range header {
			sum += int(c)
		}
		copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
		data := make([]byte, (len(part.data)+511)/512*512)
		copy(data, part.data)
		_, _ = zipped.Write(append(header, data...))
	}
	_, _ = zipped.Write(make([]byte, 1024))
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// damaged has a wrong checksum.
func damaged(data []byte) []byte {
	data[len(data)-6] ^= 0xff
	return data
}

func FuzzRepack(f *testing.F) {
	f.Add(pack(f, folder("r/"), file("r/a"), link("r/l", "a")))
	f.Add(pack(f, link("r/l", ".."), file("r/l/a")))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if repack(&out, bytes.NewReader(data), commit, limits{packed: 1 << 20, unpacked: 1 << 20, entries: 100}) != nil {
			return
		}
		for _, line := range unpack(t, out.Bytes()) {
			name := strings.SplitN(line, " ", 4)[2]
			if path.IsAbs(name) || strings.Contains("/"+name+"/", "/../") {
				t.Errorf("%q leads out", line)
			}
		}
	})
}
