# SPDX-License-Identifier: BSD-3-Clause
# Completion of vnicctl for bash. Names of vnics and ports are asked of the daemon.

# Names of an object's rows: what stands before ':' or '@' in lines that have flags.
_vnicctl_ask()
{
	vnicctl ${socket:+--socket "$socket"} "$1" show 2>/dev/null |
		sed -n 's/^\([^ :@]*\)[@:].*<.*/\1/p'
}

_vnicctl_both()
{
	_vnicctl_ask link
	_vnicctl_ask port
}

_vnicctl_link()
{
	local words="up down address mtu mode flag macaddr endpoint netns spoofcheck multicast
		bcqueuelen bclim queues workers arp mac-policy learn dhcp announce"

	case $prev in
	show | list | lst | del | delete | set | dev) _vnicctl_ask link ;;
	link) _vnicctl_ask port ;;
	type) echo "macvlan macvtap ipvlan ipvtap veth" ;;
	mode) echo "private vepa bridge passthru source l2 l3 l3s" ;;
	flag) echo "nodst nopromisc bridge private vepa null" ;;
	macaddr) echo "add del set flush" ;;
	spoofcheck) echo "off mac ip" ;;
	multicast) echo "auto all" ;;
	arp) echo "auto on off" ;;
	mac-policy) echo "pass strict macnat" ;;
	dhcp | announce) echo "on off" ;;
	l2 | l3 | l3s) echo "bridge private vepa $words" ;;
	endpoint) echo "dev: tap: vhost: none" ;;
	netns) ls /run/netns 2>/dev/null ;;
	address | mtu | learn | bcqueuelen | bclim | queues | workers | name | peer) ;;
	add) echo "link name" ;;
	*)
		if [ "$verb" = add ]; then
			echo "link name type peer $words"
		elif [ "$verb" = set ]; then
			echo "$words"
		fi
		;;
	esac
}

_vnicctl_words()
{
	case $object,$verb in
	,*) echo "link port drops config address route neigh worker capture top doctor help" ;;
	link,) echo "show add set del help" ;;
	port, | drops, | worker,) echo "show help" ;;
	config,) echo "show check reload save help" ;;
	address, | route,) echo "show add del help" ;;
	neigh,) echo "show add del flush help" ;;
	link,*) _vnicctl_link ;;
	port,* | route,show | neigh,show | neigh,flush) _vnicctl_ask port ;;
	neigh,*) [ "$prev" = dev ] && _vnicctl_ask port || echo "lladdr dev" ;;
	drops,* | address,show) _vnicctl_both ;;
	address,*) [ "$prev" = dev ] && _vnicctl_both || echo dev ;;
	route,*) [ "$prev" = dev ] && _vnicctl_ask port || echo "default via dev" ;;
	capture,start) _vnicctl_both ;;
	capture,*) echo "in out drops any -w -c -s" ;;
	top,*) [ "$prev" = sort ] && echo "name rx tx drops" || echo "interval count sort help" ;;
	esac
}

# The first of the words behind it that begins with $1: what vnicctl takes it for.
_vnicctl_whole()
{
	local short=$1 word

	shift
	for word; do
		[ "${word#"$short"}" = "$word" ] || break
	done
	[ "${word#"$short"}" = "$word" ] && word=$short
	echo "$word"
}

_vnicctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local socket="" object="" verb="" i=1

	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		--socket | -socket)
			i=$((i + 1))
			socket=${COMP_WORDS[i]}
			;;
		-b | -batch) i=$((i + 1)) ;;
		-*) ;;
		*) break ;;
		esac
		i=$((i + 1))
	done
	if [ "$i" -lt "$COMP_CWORD" ]; then
		object=$(_vnicctl_whole "${COMP_WORDS[i]}" link port drops config address route \
			neigh capture doctor worker top)
	fi
	if [ "$((i + 1))" -lt "$COMP_CWORD" ]; then
		verb=$(_vnicctl_whole "${COMP_WORDS[i + 1]}" show add set del delete lst list \
			flush check reload save)
		[ "$((i + 2))" -eq "$COMP_CWORD" ] && prev=$verb
	fi
	[ "$object" = capture ] && verb=${verb:-start}
	case $prev in
	--socket | -socket | -w | -b | -batch)
		compopt -o default
		COMPREPLY=()
		return
		;;
	esac
	case $object,$verb in
	config,check | config,save | doctor,*)
		compopt -o default
		COMPREPLY=()
		return
		;;
	esac
	if [ -z "$object" ] && [ "${cur#-}" != "$cur" ]; then
		mapfile -t COMPREPLY < <(compgen -W "-json -pretty -statistics -details -batch -force --socket -Version" -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(_vnicctl_words)" -- "$cur")
}

complete -F _vnicctl vnicctl
