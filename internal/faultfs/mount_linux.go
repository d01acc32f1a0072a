package faultfs

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount shows the disk at an empty directory. It needs /dev/fuse and the right
// to mount. The process that mounts it must not map its files into memory: a
// page that is read by the one who serves it waits for itself.
func (d *Disk) Mount(dir string) (unmount func() error, err error) {
	// The kernel sees every change, so what it remembers stays true.
	long := time.Hour
	server, err := fs.Mount(dir, &inode{disk: d, node: d.root}, &fs.Options{
		EntryTimeout: &long, AttrTimeout: &long,
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faultfs", Name: "faultfs", MaxWrite: 1 << 20},
	})
	if err != nil {
		return nil, err
	}
	return server.Unmount, keepDevice()
}

// keepDevice lets no child inherit the device. As long as one has it, the kernel
// waits for answers from a server that is gone, and whoever uses the disk hangs
// for ever.
func keepDevice() error {
	const open = "/proc/self/fd"
	files, err := os.ReadDir(open)
	if err != nil {
		return err
	}
	for _, f := range files {
		to, err := os.Readlink(filepath.Join(open, f.Name()))
		if err != nil || to != "/dev/fuse" {
			continue // the list has the file that reads it, too, which is closed
		}
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			return err
		}
		syscall.CloseOnExec(fd)
	}
	return nil
}

// OnAdd implements fs.NodeOnAdder: the kernel is told of what was loaded.
func (i *inode) OnAdd(ctx context.Context) {
	for name, n := range i.node.children {
		mode := uint32(fuse.S_IFREG | 0o600)
		if n.children != nil {
			mode = fuse.S_IFDIR | 0o700
		}
		i.AddChild(name, i.NewPersistentInode(ctx, &inode{disk: i.disk, node: n}, fs.StableAttr{Mode: mode}), true)
	}
}

// inode is a node as the kernel sees it.
type inode struct {
	fs.Inode
	disk *Disk
	node *node
}

var (
	_ fs.NodeOnAdder   = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeOpener    = (*inode)(nil)
	_ fs.NodeReader    = (*inode)(nil)
	_ fs.NodeWriter    = (*inode)(nil)
	_ fs.NodeFsyncer   = (*inode)(nil)
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeAllocater = (*inode)(nil)
)

func (i *inode) add(ctx context.Context, name string, n *node, mode uint32, out *fuse.EntryOut) *fs.Inode {
	child := &inode{disk: i.disk, node: n}
	i.disk.name(i.node, naming{name: n})
	out.Mode = mode
	return i.NewInode(ctx, child, fs.StableAttr{Mode: mode})
}

// Create implements fs.NodeCreater.
func (i *inode) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return i.add(ctx, name, &node{}, fuse.S_IFREG|0o600, out), nil, 0, 0
}

// Mkdir implements fs.NodeMkdirer.
func (i *inode) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return i.add(ctx, name, newDir(), fuse.S_IFDIR|0o700, out), 0
}

// Unlink implements fs.NodeUnlinker.
func (i *inode) Unlink(_ context.Context, name string) syscall.Errno {
	i.disk.name(i.node, naming{name: nil})
	return 0
}

// Rmdir implements fs.NodeRmdirer.
func (i *inode) Rmdir(ctx context.Context, name string) syscall.Errno { return i.Unlink(ctx, name) }

// Rename implements fs.NodeRenamer, within one directory.
func (i *inode) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if parent.EmbeddedInode() != i.EmbeddedInode() || flags != 0 {
		return syscall.EXDEV
	}
	moved, ok := i.GetChild(name).Operations().(*inode)
	if !ok {
		return syscall.ENOENT
	}
	i.disk.name(i.node, naming{name: nil, newName: moved.node})
	return 0
}

// Open implements fs.NodeOpener.
func (i *inode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements fs.NodeReader.
func (i *inode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, _ := i.disk.read(i.node, dest, off)
	return fuse.ReadResultData(dest[:n]), 0
}

// Write implements fs.NodeWriter.
func (i *inode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := i.disk.write(i.node, data, off); errno != 0 {
		return 0, errno
	}
	return uint32(len(data)), 0
}

// Fsync implements fs.NodeFsyncer, for files and directories.
func (i *inode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return i.disk.sync(i.node)
}

// Allocate implements fs.NodeAllocater.
func (i *inode) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	return i.disk.allocate(i.node, int64(off+size))
}

// Setattr implements fs.NodeSetattrer. Only the size is kept.
func (i *inode) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if errno := i.disk.size(i.node, int64(size)); errno != 0 {
			return errno
		}
	}
	return i.Getattr(ctx, f, out)
}

// Getattr implements fs.NodeGetattrer.
func (i *inode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = fuse.S_IFREG | 0o600
	if i.node.children != nil {
		out.Mode = fuse.S_IFDIR | 0o700
		return 0
	}
	_, size := i.disk.read(i.node, nil, 0)
	out.Size = uint64(size)
	out.Blocks = (out.Size + sector - 1) / sector
	return 0
}
