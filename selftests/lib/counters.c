// SPDX-License-Identifier: GPL-2.0-only
/* What the module says of itself: counters, and which features of the CPU it uses. */
#include <glob.h>
#include <stdio.h>
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
