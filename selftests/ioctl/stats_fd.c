// SPDX-License-Identifier: GPL-2.0-only
/* GET_STATS_FD: the file's format, and that its numbers move. */
#include "vmxtest.h"

static void guest_exits(u64 id)
{
	u32 a, b, c, d;

	for (;;) {
		for (int i = 0; i < 100; i++)
			guest_cpuid(0, 0, &a, &b, &c, &d);
		guest_sync(0);
	}
}

struct stats {
	struct vmx_stats_header head;
	char *descs;
	u64 *data;
	size_t desc_size, data_size;
};

static struct vmx_stats_desc *desc(struct stats *s, u32 i)
{
	return (struct vmx_stats_desc *)(s->descs + i * s->desc_size);
}

static void read_stats(int fd, struct stats *s)
{
	char id[4];	/* its start: by it a client tells KVM's statistics from others */

	CHECK_EQ(pread(fd, &s->head, sizeof(s->head), 0), (long)sizeof(s->head));
	CHECK_EQ(s->head.flags & 0xffffffff, 0);
	CHECK(s->head.name_size > 0 && s->head.name_size <= 256);
	CHECK(s->head.num_desc > 0 && s->head.num_desc < 1000);
	CHECK(s->head.id_offset >= sizeof(s->head));
	CHECK(s->head.desc_offset >= s->head.id_offset);
	CHECK(s->head.data_offset > s->head.desc_offset);
	CHECK(s->head.name_size >= sizeof(id));
	CHECK_EQ(pread(fd, id, sizeof(id), s->head.id_offset), (long)sizeof(id));
	CHECK(!memcmp(id, "kvm-", sizeof(id)));
	s->desc_size = sizeof(struct vmx_stats_desc) + s->head.name_size;
	s->descs = calloc(s->head.num_desc, s->desc_size);
	CHECK_EQ(pread(fd, s->descs, s->desc_size * s->head.num_desc, s->head.desc_offset),
		 (long)(s->desc_size * s->head.num_desc));
	s->data_size = 0;
	for (u32 i = 0; i < s->head.num_desc; i++) {
		size_t end = desc(s, i)->offset + desc(s, i)->size * 8u;

		s->data_size = end > s->data_size ? end : s->data_size;
	}
	s->data = calloc(1, s->data_size);
	CHECK_EQ(pread(fd, s->data, s->data_size, s->head.data_offset), (long)s->data_size);
}

static void check_format(struct stats *s)
{
	for (u32 i = 0; i < s->head.num_desc; i++) {
		struct vmx_stats_desc *d = desc(s, i);
		const char *name = (const char *)(d + 1);

		CHECK(strnlen(name, s->head.name_size) > 0);
		CHECK(strnlen(name, s->head.name_size) < s->head.name_size);
		CHECK(d->size >= 1);
		CHECK_EQ(d->offset % 8, 0);
		CHECK((d->flags & 0xf) <= 4);
		for (u32 k = 0; k < i; k++) {
			struct vmx_stats_desc *e = desc(s, k);

			CHECK(strcmp(name, (const char *)(e + 1)));
			CHECK(d->offset >= e->offset + e->size * 8u ||
			      e->offset >= d->offset + d->size * 8u);
		}
	}
}

static u64 value(int fd, struct stats *s, const char *name)
{
	for (u32 i = 0; i < s->head.num_desc; i++) {
		u64 v;

		if (strcmp((const char *)(desc(s, i) + 1), name))
			continue;
		CHECK_EQ(pread(fd, &v, 8, s->head.data_offset + desc(s, i)->offset), 8);
		return v;
	}
	DIE("no statistic named %s", name);
}

TEST(vm)
{
	struct vm *vm = vm_create(0);
	struct stats s;
	int fd;

	REQUIRE_CAP(VMX_CAP_BINARY_STATS_FD);
	fd = (int)must_ioctl(vm->fd, VMX_GET_STATS_FD, 0);
	read_stats(fd, &s);
	check_format(&s);
	/* reading past the end gives nothing */
	ASSERT_EQ(0, pread(fd, &s.head, 8, 1 << 20));
}

TEST(vcpu)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_exits);
	u64 exits, io;
	struct stats s;
	int fd;

	REQUIRE_CAP(VMX_CAP_BINARY_STATS_FD);
	fd = (int)must_ioctl(v->fd, VMX_GET_STATS_FD, 0);
	read_stats(fd, &s);
	check_format(&s);
	vcpu_expect_sync(v, 0);
	exits = value(fd, &s, "exits");
	io = value(fd, &s, "io_exits");
	vcpu_expect_sync(v, 0);
	ASSERT_LE(exits + 101, value(fd, &s, "exits"));
	ASSERT_GE(exits + 1000, value(fd, &s, "exits"));
	ASSERT_LE(io + 1, value(fd, &s, "io_exits"));
}

/* The file outlives the fds that it came from. */
TEST(outlives_vm)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_exits);
	struct stats s;
	int fd, fd2;

	REQUIRE_CAP(VMX_CAP_BINARY_STATS_FD);
	fd = (int)must_ioctl(v->fd, VMX_GET_STATS_FD, 0);
	fd2 = (int)must_ioctl(vm->fd, VMX_GET_STATS_FD, 0);
	vm_close(vm);
	read_stats(fd, &s);
	read_stats(fd2, &s);
	close(fd);
	close(fd2);
}

TEST_HARNESS_MAIN
