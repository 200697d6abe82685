/* SPDX-License-Identifier: BSD-3-Clause */
/* A PCI device: is it there, who drives it, and can user space have it? */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "doctor_checks.h"

#define PCI    "/sys/bus/pci/devices/%s"
#define UNSAFE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/** Drivers below which DPDK's own share the device with the kernel. */
static bool is_shared(const char *driver)
{
	static const char *const names[] = {"mlx4_core", "mlx5_core", "mana", "hinic3"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(driver, names[i]) == 0)
			return true;
	return false;
}

static bool is_uio(const char *driver)
{
	return strcmp(driver, "uio_pci_generic") == 0 || strcmp(driver, "igb_uio") == 0;
}

/** The netdev of a PCI device that has a kernel driver. */
static bool find_netdev(const struct doctor *d, const char *addr, char *name, size_t len)
{
	char path[PATH_MAX];
	DIR *dir = sys_path(d, path, PCI "/net", addr) ? opendir(path) : NULL;
	const struct dirent *e;
	bool any = false;

	while (dir != NULL && !any && (e = readdir(dir)) != NULL) {
		any = e->d_name[0] != '.';
		if (any)
			snprintf(name, len, "%.15s", e->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	return any;
}

static bool has_default_route(const struct doctor *d, const char *netdev)
{
	char path[PATH_MAX], line[256], name[64];
	FILE *f = sys_path(d, path, "/proc/net/route") ? fopen(path, "re") : NULL;
	unsigned int destination = 1;
	bool has = false;

	while (f != NULL && !has && fgets(line, sizeof(line), f) != NULL)
		has = sscanf(line, "%63s %8x", name, &destination) == 2 && destination == 0 &&
		      strcmp(name, netdev) == 0;
	if (f != NULL)
		fclose(f);
	return has;
}

static void mend_binding(struct doctor *d, const char *addr, const char *netdev)
{
	char down[96] = "";

	if (netdev[0] != '\0')
		snprintf(down, sizeof(down), "ip link set %s down && ", netdev);
	if (sys_program(d, "dpdk-devbind.py"))
		mend(d, "%smodprobe vfio-pci && dpdk-devbind.py -b vfio-pci %s", down, addr);
	else
		mend(d,
		     "%smodprobe vfio-pci && cd " PCI " && echo vfio-pci > driver_override && "
		     "{ [ ! -e driver ] || echo %s > driver/unbind; } && echo %s > "
		     "/sys/bus/pci/drivers_probe",
		     down, addr, addr, addr);
}

static void tell_unbound(struct doctor *d, const char *place, const char *addr, const char *driver)
{
	char netdev[64] = "";

	find_netdev(d, addr, netdev, sizeof(netdev));
	if (driver[0] == '\0')
		found(d, LEVEL_ERROR, "device", "%s: %s has no driver; DPDK needs vfio-pci", place,
		      addr);
	else if (netdev[0] != '\0' && has_default_route(d, netdev))
		found(d, LEVEL_ERROR, "device",
		      "%s: %s is the kernel's %s (%s), with this machine's default route: who "
		      "binds it "
		      "loses that way in",
		      place, addr, netdev, driver);
	else
		found(d, LEVEL_ERROR, "device",
		      "%s: %s is the kernel's%s%s (%s); DPDK needs vfio-pci", place, addr,
		      netdev[0] != '\0' ? " " : "", netdev, driver);
	mend_binding(d, addr, netdev);
}

/* All devices of a group go to user space, or none: else one could write into another's memory. */
static bool check_group(struct doctor *d, const char *place, const char *addr)
{
	char path[PATH_MAX], driver[64], class[16];
	DIR *dir = sys_path(d, path, PCI "/iommu_group/devices", addr) ? opendir(path) : NULL;
	const struct dirent *e;
	bool good = true;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, addr) == 0)
			continue;
		/* 0x06…: bridges stay where they are */
		if (sys_line(d, class, sizeof(class), PCI "/class", e->d_name) &&
		    strncmp(class, "0x06", 4) == 0)
			continue;
		if (!sys_link(d, driver, sizeof(driver), PCI "/driver", e->d_name) ||
		    strncmp(driver, "vfio", 4) == 0 || strcmp(driver, "pci-stub") == 0)
			continue;
		found(d, LEVEL_ERROR, "iommu",
		      "%s: %s shares its IOMMU group with %s, which the kernel has (%s)", place,
		      addr, e->d_name, driver);
		mend_binding(d, e->d_name, "");
		good = false;
	}
	if (dir != NULL)
		closedir(dir);
	return good;
}

static bool check_iommu(struct doctor *d, const char *place, const char *addr)
{
	char group[32], unsafe[8] = "";

	if (sys_link(d, group, sizeof(group), PCI "/iommu_group", addr)) {
		if (!sys_exists(d, "/dev/vfio/%s", group) &&
		    !sys_exists(d, "/dev/vfio/noiommu-%s", group)) {
			found(d, LEVEL_ERROR, "iommu", "%s: %s: there is no /dev/vfio/%s", place,
			      addr, group);
			mend(d, "modprobe vfio-pci");
			return false;
		}
		return check_group(d, place, addr);
	}
	sys_line(d, unsafe, sizeof(unsafe), UNSAFE);
	if (unsafe[0] == 'Y') {
		found(d, LEVEL_WARNING, "iommu",
		      "%s: no IOMMU protects this machine from %s (unsafe no-IOMMU mode)", place,
		      addr);
		mend(d,
		     "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX intel_iommu=on iommu=pt\"' >> "
		     "/etc/default/grub && update-grub && reboot");
		return true;
	}
	found(d, LEVEL_ERROR, "iommu",
	      "%s: %s is in no IOMMU group: switch the IOMMU on in the firmware and with "
	      "intel_iommu=on iommu=pt; or, in a machine that trusts it, do without",
	      place, addr);
	mend(d, "modprobe vfio enable_unsafe_noiommu_mode=1; echo Y > " UNSAFE);
	return false;
}

void check_vfio(struct doctor *d, const char *place, const char *addr)
{
	char driver[64] = "";

	if (!sys_exists(d, PCI, addr)) {
		found(d, LEVEL_ERROR, "device", "%s: there is no PCI device %s", place, addr);
		mend(d, "lspci -Dnn | grep -i -e ethernet -e network");
		return;
	}
	sys_link(d, driver, sizeof(driver), PCI "/driver", addr);
	if (is_shared(driver) || is_uio(driver)) {
		found(d, LEVEL_OK, "device", "%s: %s has %s", place, addr, driver);
	} else if (strcmp(driver, "vfio-pci") != 0) {
		tell_unbound(d, place, addr, driver);
	} else if (check_iommu(d, place, addr)) {
		found(d, LEVEL_OK, "device", "%s: %s has vfio-pci", place, addr);
	}
}
