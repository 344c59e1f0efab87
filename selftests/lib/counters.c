// SPDX-License-Identifier: GPL-2.0-only
/* What the module says of itself: counters, and which features of the CPU it uses. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

long vcpu_counter(const char *name)
{
	char pattern[80], line[120], found[60];
	long value, result;
	glob_t g;
	FILE *f;

	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/vmx/%d-*/vcpu0", getpid());
	if (glob(pattern, 0, NULL, &g))
		return -1;
	f = fopen(g.gl_pathv[0], "r");
	globfree(&g);
	if (!f)
		return -1;
	result = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%59s %ld", found, &value) == 2 && !strcmp(found, name))
			result = value;
	fclose(f);
	return result;
}

long vm_counter(struct vm *vm, const char *name)
{
	struct vmx_stats_header h;
	long found = -1;
	size_t size;
	char *descs;
	int fd = (int)try_ioctl(vm->fd, VMX_GET_STATS_FD, 0);

	if (fd < 0)
		return -1;
	CHECK_EQ(pread(fd, &h, sizeof(h), 0), (long)sizeof(h));
	size = sizeof(struct vmx_stats_desc) + h.name_size;
	descs = calloc(h.num_desc, size);
	CHECK_EQ(pread(fd, descs, size * h.num_desc, h.desc_offset), (long)(size * h.num_desc));
	for (u32 i = 0; i < h.num_desc; i++) {
		struct vmx_stats_desc *d = (struct vmx_stats_desc *)(descs + i * size);

		if (!strcmp((const char *)(d + 1), name))
			CHECK_EQ(pread(fd, &found, 8, h.data_offset + d->offset), 8);
	}
	free(descs);
	close(fd);
	return found;
}

bool vt_parameter(const char *name)
{
	char path[80];
	bool yes;
	FILE *f;

	if (!device_is_vmx() || host_is_amd())
		return false;
	snprintf(path, sizeof(path), "/sys/module/vmx/parameters/%s", name);
	f = fopen(path, "r");
	yes = f && fgetc(f) == 'Y';
	if (f)
		fclose(f);
	return yes;
}

bool vmx_flag_used(const char *flag)
{
	char line[4096], word[40];
	bool has = false;
	FILE *f;

	if (!device_is_vmx() || access("/sys/kernel/debug/vmx", F_OK))
		return false;
	snprintf(word, sizeof(word), " %s", flag);
	f = fopen("/proc/cpuinfo", "r");
	while (f && fgets(line, sizeof(line), f))
		has |= !strncmp(line, "vmx flags", 9) && strstr(line, word);
	if (f)
		fclose(f);
	return has && vt_parameter(flag);
}
