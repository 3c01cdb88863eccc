##! What a site may change: redefine it in local.zeek.

module Oddlog;

export {
	## The notice.log that oddlog writes, as an absolute path; "" follows
	## nothing and leaves only the notice types declared. It has to be in JSON,
	## oddlog's default. The file may appear later than Zeek starts.
	##
	## Zeek logs what it raises from here in its own notice.log too: send a SIEM
	## the one or the other, not both.
	const notice_log = "/var/log/oddlog/notice.log" &redef;

	## How long to stay quiet after a warning about lines that could not be
	## raised; the next warning counts them.
	const warning_interval = 5min &redef;
}
