package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"

	"github.com/lockport-hie/lockport"
)

// maxInput bounds what is read into memory from one file, compressed input being
// counted as it comes out: a small file must not fill the machine.
const maxInput = 1 << 30

// openInput opens a file, or standard input for "-", and undoes gzip.
func (env *environment) openInput(name string) (io.ReadCloser, error) {
	var source io.ReadCloser = io.NopCloser(env.In)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, lockport.Errorf(lockport.Invalid, "", "%w", err)
		}
		source = f
	}
	head := make([]byte, 2)
	n, err := io.ReadFull(source, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		source.Close()
		return nil, lockport.Errorf(lockport.Invalid, "", "%w", err)
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), source)
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return input{whole, source}, nil
	}
	unpacked, err := gzip.NewReader(whole)
	if err != nil {
		source.Close()
		return nil, lockport.Errorf(lockport.Invalid, name, "not readable as gzip: %w", err)
	}
	return input{unpacked, source}, nil
}

// input is a reader whose file is closed with it.
type input struct {
	io.Reader
	io.Closer
}

// readInput reads a whole file.
func (env *environment) readInput(name string) ([]byte, error) {
	in, err := env.openInput(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	content, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case err != nil:
		return nil, lockport.Errorf(lockport.Invalid, name, "%w", err)
	case len(content) > maxInput:
		return nil, lockport.Errorf(lockport.TooLarge, name, "larger than %d bytes: send it in parts", maxInput)
	}
	return content, nil
}
