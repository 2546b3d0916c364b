package table

import (
	"errors"
	"io"
	"sync"
)

const (
	blockSize = 512 << 10
	maxBlocks = 24
)

// blockCache is an io.ReaderAt that reads the source in large blocks and keeps
// the latest. Archives and parquet files are read in tiny pieces, and every
// read of a workspace file is a call to another process.
type blockCache struct {
	r    io.ReaderAt
	size int64

	mu     sync.Mutex
	blocks map[int64]*block
	clock  int64
}

type block struct {
	data []byte
	used int64
}

func newBlockCache(r io.ReaderAt, size int64) *blockCache {
	return &blockCache{r: r, size: size, blocks: map[int64]*block{}}
}

// ReadAt implements io.ReaderAt.
func (c *blockCache) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= c.size {
			return n, io.EOF
		}
		b, err := c.block(at / blockSize)
		if err != nil {
			return n, err
		}
		from := int(at % blockSize)
		if from >= len(b) {
			return n, io.ErrUnexpectedEOF
		}
		n += copy(p[n:], b[from:])
	}
	return n, nil
}

func (c *blockCache) block(i int64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	if b, ok := c.blocks[i]; ok {
		b.used = c.clock
		return b.data, nil
	}
	data := make([]byte, min(blockSize, c.size-i*blockSize))
	n, err := c.r.ReadAt(data, i*blockSize)
	if n < len(data) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the file shrank
		}
		return nil, err
	}
	if len(c.blocks) >= maxBlocks {
		oldest := int64(-1)
		for k, b := range c.blocks {
			if oldest < 0 || b.used < c.blocks[oldest].used {
				oldest = k
			}
		}
		delete(c.blocks, oldest)
	}
	c.blocks[i] = &block{data: data, used: c.clock}
	return data, nil
}
