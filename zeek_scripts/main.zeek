##! Follows oddlog's notice.log and raises each line as a Zeek notice, so that
##! the site's notice policy, suppression and email apply to it.

@load base/frameworks/cluster
@load base/frameworks/input
@load base/frameworks/notice
@load ./config

module Oddlog;

export {
	redef enum Notice::Type += {
		## A connection unlike those of the baseline.
		Odd_Connection,
		## An NTLM logon unlike those of the baseline.
		Odd_NTLM_Logon,
		## An event of a Windows host unlike those of the baseline.
		Odd_Host_Event,
		## A host whose DCE/RPC calls of one window are unlike any host's.
		Odd_DCE_RPC_Host,
		## A DCE/RPC operation that does not belong where it was seen.
		Odd_DCE_RPC_Operation,
		## A flow unlike those known, by the novelty models.
		Odd_Flow,
		## A session that adds up to a risk.
		Risky_Session,
		## Findings that belong together.
		Incident,
		## oddlog reads more slowly than Zeek writes.
		Falling_Behind,
		## The traffic has moved away from what oddlog learned.
		Baseline_Drift,
	};

	## oddlog's own part of a line, as far as Zeek needs it.
	type Finding: record {
		## Says which record and which detector, and nothing else.
		id: string &optional;
	};

	## One line of oddlog's notice.log, "id.orig_h" as id_orig_h. Addresses and
	## ports are as plain as in any log of Zeek's, which from_json would not
	## take for an addr and a port.
	type Line: record {
		note: string;
		msg: string;
		sub: string &optional;
		uid: string &optional;
		id_orig_h: string &optional;
		id_orig_p: count &optional;
		id_resp_h: string &optional;
		id_resp_p: count &optional;
		proto: string &optional;
		src: string &optional;
		dst: string &optional;
		p: count &optional;
		n: count &optional;
		peer_descr: string &optional;
		suppress_for: interval &optional;
		oddlog: Finding &optional;
	};
}

type RawLine: record {
	text: string;
};

const types: table[string] of Notice::Type = {
	["Oddlog::Odd_Connection"] = Odd_Connection,
	["Oddlog::Odd_NTLM_Logon"] = Odd_NTLM_Logon,
	["Oddlog::Odd_Host_Event"] = Odd_Host_Event,
	["Oddlog::Odd_DCE_RPC_Host"] = Odd_DCE_RPC_Host,
	["Oddlog::Odd_DCE_RPC_Operation"] = Odd_DCE_RPC_Operation,
	["Oddlog::Odd_Flow"] = Odd_Flow,
	["Oddlog::Risky_Session"] = Risky_Session,
	["Oddlog::Incident"] = Incident,
	["Oddlog::Falling_Behind"] = Falling_Behind,
	["Oddlog::Baseline_Drift"] = Baseline_Drift,
};

const transports: table[string] of transport_proto = {
	["tcp"] = tcp,
	["udp"] = udp,
	["icmp"] = icmp,
};

global followed = 0;
global not_raised = 0;
global quiet_until = double_to_time(0.0);

function field_name(s: string): string
	{
	return subst_string(s, ".", "_");
	}

function warn(why: string)
	{
	++not_raised;

	if ( current_time() < quiet_until )
		return;

	Reporter::warning(fmt("oddlog: %d lines of %s not raised, the last: %s",
	    not_raised, notice_log, why));
	not_raised = 0;
	quiet_until = current_time() + warning_interval;
	}

function to_notice(l: Line): Notice::Info
	{
	# The moment of raising, not the record's: Zeek counts suppress_for and the
	# email delay from ts, and both would be over for a record of an hour ago.
	# Nor network_time(), which is 0 until Zeek's first packet or poll.
	local n = Notice::Info($ts=current_time(), $note=types[l$note], $msg=l$msg);
	local transport = l?$proto && l$proto in transports ? transports[l$proto] :
	    unknown_transport;

	if ( l?$sub )
		n$sub = l$sub;
	if ( l?$uid )
		n$uid = l$uid;
	if ( l?$n )
		n$n = l$n;
	if ( l?$peer_descr )
		n$peer_descr = l$peer_descr;
	if ( l?$suppress_for )
		n$suppress_for = l$suppress_for;

	# to_addr("workstation") would be an error and 0.0.0.0.
	if ( l?$src && is_valid_ip(l$src) )
		n$src = to_addr(l$src);
	if ( l?$dst && is_valid_ip(l$dst) )
		n$dst = to_addr(l$dst);
	if ( l?$p )
		n$p = count_to_port(l$p, transport);

	if ( l?$id_orig_h
	    && l?$id_orig_p
	    && l?$id_resp_h
	    && l?$id_resp_p
	    && is_valid_ip(l$id_orig_h)
	    && is_valid_ip(l$id_resp_h) )
		{
		local orig_p = count_to_port(l$id_orig_p, transport);
		local resp_p = count_to_port(l$id_resp_p, transport);
		n$id = conn_id($orig_h=to_addr(l$id_orig_h), $orig_p=orig_p, $resp_h=to_addr(
		    l$id_resp_h), $resp_p=resp_p);
		}

	# oddlog has kept quiet about the same type, source, destination and port
	# before it writes a line. What is left for Zeek to recognise is a line said
	# twice, as after a crash: the same oddlog.id. A coarser identifier would
	# swallow findings that oddlog holds to be new.
	if ( l?$oddlog && l$oddlog?$id )
		n$identifier = l$oddlog$id;

	return n;
	}

event Oddlog::line(description: Input::EventDescription, tpe: Input::Event,
    text: string)
	{
	local parsed = from_json(text, Line, field_name);

	if ( ! parsed$valid )
		{
		warn(parsed$err);
		return;
		}

	local l = parsed$v as Line;

	if ( l$note !in types )
		{
		warn(fmt("its type is unknown here: %s", l$note));
		return;
		}

	NOTICE(to_notice(l));
	}

# A new name each time: that of an ended stream may still be taken.
function stream_name(): string
	{
	return fmt("oddlog-%d", followed);
	}

event Oddlog::follow()
	{
	# Zeek lets pending timers fire when it stops.
	if ( zeek_is_terminating() )
		return;

	++followed;

	# The ASCII reader misses rotation, and rows after truncation; tail -F does
	# neither. Lines from before Zeek's start are not raised again. With exec,
	# the process that Zeek ends is tail itself and not a shell around it.
	local tail = fmt("exec tail -q -n 0 -F %s |", safe_shell_quote(notice_log));
	Input::add_event(Input::EventDescription($name=stream_name(), $source=tail,
	    $reader=Input::READER_RAW, $mode=Input::STREAM, $fields=RawLine,
	    $want_record=F, $ev=Oddlog::line));
	}

event InputRaw::process_finished(name: string, source: string, exit_code: count,
    signal_exit: bool)
	{
	if ( name != stream_name() || zeek_is_terminating() )
		return;

	Reporter::warning(fmt("oddlog: tail on %s ended (%s %d); again in a minute",
	    notice_log, signal_exit ? "signal" : "exit code", exit_code));
	schedule 1min { Oddlog::follow() };
	}

event zeek_init()
	{
	# A trace has an end, and what oddlog says today is not part of it.
	if ( notice_log == "" || reading_traces() )
		return;

	if ( Cluster::is_enabled() && Cluster::local_node_type() != Cluster::MANAGER )
		return;

	event Oddlog::follow();
	}
