# SPDX-License-Identifier: MIT
#
# sh.tap.sh - what a shell script may rely on, as KTAP.
#
#	SH=/bin/sh sh sh.tap.sh
#
# Each case runs $SH (words, as in SH="busybox ash") on a script of its own, in
# an empty directory, and compares standard output and the exit status. bash,
# BusyBox ash and dash pass as well: that is how we know that a case is about
# shells and not only about ours. Some shells read their script ahead, against
# POSIX; they skip what depends on it. Cases that begin with "own" are about our
# messages and run only there.

SH=${SH:-/bin/sh}
dir=${TMPDIR:-/tmp}/sh-tap.$$
count=0
failed=0
nl='
'

# result NAME GOT-STATUS STATUS GOT-OUTPUT OUTPUT
result() {
	count=$((count + 1))
	if [ "$2" = "$3" ] && [ "$4" = "$5" ]; then
		echo "ok $count $1"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count $1"
	echo "# wanted status $3, got $2"
	echo "# wanted: $5" | tr '\n' '|'
	echo
	echo "# got:    $4" | tr '\n' '|'
	echo
}

# fresh: an empty directory to work in
fresh() {
	cd / && rm -rf "$dir" && mkdir -p "$dir" && cd "$dir" || exit 1
}

# check NAME STATUS OUTPUT SCRIPT [ARG...]
check() {
	name=$1 status=$2 want=$3
	shift 3
	fresh
	got=$($SH -c "$@" 2>/dev/null)
	result "$name" $? "$status" "$got" "$want"
}

# both NAME STATUS OUTPUT SCRIPT: with standard error in the output
both() {
	fresh
	got=$($SH -c "$4" 2>&1)
	result "$1" $? "$2" "$got" "$3"
}

# input NAME STATUS OUTPUT SCRIPT: the script comes from standard input
input() {
	fresh
	got=$(echo "$4" | $SH 2>/dev/null)
	result "$1" $? "$2" "$got" "$3"
}

# shared NAME STATUS OUTPUT SCRIPT: so that a child may read the next line
shared() {
	if [ $ahead ]; then
		count=$((count + 1))
		echo "ok $count $1 # SKIP this shell reads ahead"
		return
	fi
	input "$@"
	echo "$4" >f
	got=$($SH <f 2>/dev/null)
	result "$1, from a file" $? "$2" "$got" "$3"
}

# file NAME STATUS OUTPUT SCRIPT [ARG...]: the script is a file
file() {
	name=$1 status=$2 want=$3
	fresh
	echo "$4" > script
	shift 4
	got=$($SH ./script "$@" 2>/dev/null)
	result "$name" $? "$status" "$got" "$want"
}

fresh
ahead=
[ "$(printf 'read x\ny\necho "<$x>"\n' | $SH 2>/dev/null)" = '<y>' ] || ahead=yes
echo "KTAP version 1"

# ---- words and quotes
check 'words are split at blanks' 0 'a b c' 'echo a   b	c'
check 'single quotes keep everything' 0 'a  $b \ "' "echo 'a  \$b \\ \"'"
check 'double quotes keep blanks' 0 'a  b' 'x="a  b"; echo "$x"'
check 'double quotes and backslash' 0 '$x ` " \ \a' \
	'printf "%s\n" "\$x \` \" \\ \a"'
check 'backslash outside of quotes' 0 'a b*$' 'echo a\ b\*\$'
check 'backslash and newline join lines' 0 'abc' "echo a\\${nl}b\\${nl}c"
check 'quotes join to one word' 0 'abcd' 'echo a"b"'\''c'\''d'
check 'an empty word is a word' 0 '3' 'set -- "" a '\'''\''; echo $#'
check 'a comment ends with the line' 0 'a#b' "echo a#b # c${nl}"
check 'a # inside of a word' 0 '#' 'echo "#"'
check 'newlines in quotes' 0 "a${nl}b" "echo 'a${nl}b'"

# ---- variables
check 'assignment and use' 0 '1 2' 'a=1 b=2; echo $a $b'
check 'unset variables are empty' 0 'xy' 'echo x${nothing}y'
check 'default, set and unset' 0 'd v e' 'v=v e=; echo ${n:-d} ${v:-d} ${e:-e}'
check 'default without colon' 0 '-- d' 'e=; echo -${e-d}- ${n-d}'
check 'assign a default' 0 'd d' 'echo ${n:=d} $n'
check 'alternative' 0 'yes .' 'v=v; echo ${v:+yes} ${n:+no}.'
check 'error if unset' 2 '' '(echo ${n:?gone}) || exit 2; echo no'
check 'length' 0 '5 0' 'v=hello; echo ${#v} ${#n}'
check 'cut the shortest suffix' 0 'a.b' 'v=a.b.c; echo ${v%.*}'
check 'cut the longest suffix' 0 'a' 'v=a.b.c; echo ${v%%.*}'
check 'cut the shortest prefix' 0 'b.c' 'v=a.b.c; echo ${v#*.}'
check 'cut the longest prefix' 0 'c' 'v=a.b.c; echo ${v##*.}'
check 'a quoted pattern is text' 0 'a' 'v="a*"; echo ${v%"*"}'
check 'nested expansion' 0 'deep' 'd=deep; echo ${a:-${b:-${d}}}'
check 'blanks in a default' 0 '3 1' \
	'set -- ${n:-a b c}; x=$#; set -- "${n:-a b c}"; echo $x $#'
check 'splitting at IFS' 0 '3 b' 'IFS=:; v=a:b:c; set -- $v; echo $# $2'
check 'empty fields at IFS' 0 '3 <>' 'IFS=:; v=a::c; set -- $v; echo $# "<$2>"'
check 'no splitting in quotes' 0 '1' 'v="a b c"; set -- "$v"; echo $#'
check 'no splitting in assignments' 0 'a  b' 'v="a  b"; w=$v; echo "$w"'
check 'a variable for one command' 0 'in out' \
	'v=out; v=in sh -c "printf \"%s \" \$v"; echo $v'
check 'export' 0 'x' 'v=x; export v; sh -c "echo \$v"'
check 'not exported' 0 '.' 'v=x; sh -c "echo \$v."'
check 'export with a value' 0 'a b' 'w="a b"; export v=$w; sh -c "echo \$v"'
check 'unset' 0 '.' 'v=x; unset v; echo $v.'
check 'readonly' 0 'kept' '(readonly v=1; v=2; echo no) || echo kept'
check 'tilde' 0 '/h /h/x ~' 'HOME=/h; echo ~ ~/x "~"'
check 'tilde in an assignment' 0 '/h/a:/h/b' 'HOME=/h; p=~/a:~/b; echo $p'

# ---- positional and special parameters
check 'arguments of -c' 0 'name 2 a b' 'echo $0 $# $1 $2' name a b
check 'more than nine' 0 'j a0' 'set -- a b c d e f g h i j; echo ${10} $10'
check '"$@" keeps words' 0 '2' 'set -- "a b" c; set -- "$@"; echo $#'
check '"$*" joins words' 0 '1 a b-c' \
	'set -- "a b" c; IFS=-; v="$*"; set -- "$*"; echo $# "$v"'
check '"$@" of nothing is nothing' 0 '0' 'set --; set -- "$@"; echo $#'
check '"x$@y"' 0 '2 xa by' 'set -- a b; set -- "x$@y"; echo $# "$1" "$2"'
check 'shift' 0 'c 1' 'set -- a b c; shift 2; echo $1 $#'
check 'status of the last command' 0 '1 0' 'false; printf "$? "; echo $?'
check '$$ is the same in a subshell' 0 'same' \
	'a=$$; b=$(echo $$); [ $a = $b ] && echo same'

# ---- substitution and arithmetic
check 'command substitution' 0 'a b' 'echo $(echo a; echo b)'
check 'newlines at the end go' 0 '<a>' 'echo "<$(printf "a\n\n\n")>"'
check 'nested substitution' 0 'x' 'echo $(echo $(echo $(echo x)))'
check 'backquotes' 0 'a b' 'echo `echo a` `echo \`echo b\``'
check 'quotes inside of $()' 0 'a  b' 'echo "$(echo "a  b")"'
check 'parentheses inside of $()' 0 'y)' \
	'echo "$(case x in (x) echo "y)";; esac)"'
check 'case without ( in $()' 0 'y' 'echo $(case x in x) echo y;; esac)'
check 'status of a substitution' 0 '3' 'v=$(exit 3); echo $?'
check 'a large substitution' 0 '200000' \
	'v=$(head -c 200000 /dev/zero | tr "\0" x); echo ${#v}'
check 'arithmetic' 0 '7 9 2 1 -1' \
	'echo $((1+2*3)) $(((1+2)*3)) $((7/3)) $((7%3)) $((-7/4))'
check 'arithmetic: comparisons' 0 '1 0 1 0' \
	'echo $((1<2)) $((1==2)) $((1&&2)) $((!1))'
check 'arithmetic: bits and ?:' 0 '6 1 16 5' \
	'echo $((7&6)) $((7^6)) $((1<<4)) $((0?4:5))'
check 'arithmetic: variables' 0 '10 5' 'x=5; echo $((x*2)) $((x))'
check 'arithmetic: assignment' 0 '6 6' 'x=5; echo $((x+=1)) $x'
check 'arithmetic: hex and octal' 0 '255 8' 'echo $((0xff)) $((010))'

# ---- patterns
check 'star' 0 'a.c b.c' 'touch b.c a.c a.h; echo *.c'
check 'question mark and brackets' 0 'a1 a2 a1' \
	'touch a1 a2 a10; echo a? a[13]'
check 'negated bracket, range' 0 'd a b' 'touch a b d; echo [!a-c] [a-c]'
check 'no match stays' 0 '*.none' 'echo *.none'
check 'quoted patterns stay' 0 '* *' 'touch a; echo "*" \*'
check 'a pattern from a variable' 0 'a b' 'touch a b; v="*"; echo $v'
check 'dot files stay hidden' 0 'b .a' 'touch .a b; echo * .[a-z]*'
check 'directories in patterns' 0 'd1/x d2/x' \
	'mkdir d1 d2; touch d1/x d2/x d2/y; echo */x'
check 'character classes' 0 'a1' 'touch a1 ab; echo a[[:digit:]]'

# ---- lists and compound commands
check 'and, or' 0 "b${nl}c" 'true && echo b; false && echo x; false || echo c'
check 'and-or from left to right' 0 'c' 'false && echo a || echo c'
check 'not' 0 '0 1' '! false; a=$?; ! true; echo $a $?'
check 'if' 0 'yes' 'if true; then echo yes; else echo no; fi'
check 'elif and else' 0 'b c' \
	'f() { if [ $1 = a ]; then echo a; elif [ $1 = b ]; then printf "b "
	else echo c; fi; }; f b; f z'
check 'status of if without a branch' 0 '0' 'if false; then :; fi; echo $?'
check 'while' 0 '0 1 2 ' \
	'i=0; while [ $i -lt 3 ]; do printf "$i "; i=$((i+1)); done'
check 'until' 0 '3' 'i=0; until [ $i -ge 3 ]; do i=$((i+1)); done; echo $i'
check 'for' 0 'abc' 'for i in a b c; do printf $i; done'
check 'for without in' 0 'ab' 'set -- a b; for i; do printf $i; done'
check 'for over nothing' 0 '0' 'for i in $none; do echo x; done; echo $?'
check 'break and continue' 0 '134' \
	'for i in 1 2 3 4 5 6; do [ $i = 2 ] && continue; [ $i = 5 ] && break
	printf $i; done'
check 'break out of two loops' 0 '1a.' \
	'for i in 1 2; do for j in a b; do printf $i$j; break 2; done; done
	echo .'
check 'continue the outer loop' 0 '1a2a' \
	'for i in 1 2; do for j in a b; do printf $i$j; continue 2; done; done'
check 'case' 0 'f star' \
	'case foo in b*) echo b;; f?o|x) printf "f ";; esac
	case "*" in a) ;; \*) echo star;; *) echo any;; esac'
check 'case: no match' 0 '0' 'false; case a in b) ;; esac; echo $?'
check 'case: pattern from a variable' 0 'hit miss' \
	'p="a*"; case abc in $p) printf "hit ";; esac
	case abc in "$p") echo hit;; *) echo miss;; esac'
check 'group' 0 'a b' '{ echo a; echo b; } | tr "\n" " " | sed "s/ $//"'
check 'subshell keeps changes to itself' 0 '1' 'v=1; (v=2; cd /); echo $v'
check 'subshell status' 0 '7' '(exit 7); echo $?'
check 'function' 0 'f 2 b' 'f() { echo f $# $2; }; f a b'
check 'function: return' 0 '4' 'f() { return 4; echo no; }; f; echo $?'
check 'function: arguments come back' 0 'x' 'f() { :; }; set -- x; f y; echo $1'
check 'function: recursion' 0 '120' \
	'f() { if [ $1 -le 1 ]; then echo 1; else
	echo $(($1 * $(f $(($1 - 1))))); fi; }; f 5'
check 'function: redirection' 0 'in' 'f() { echo in; } >o; f; cat o'
check 'function: redefines itself' 0 'new' 'f() { f() { echo new; }; }; f; f'
check 'eval' 0 'x' 'a=b; b=x; eval echo \$$a'
check 'dot' 0 'v a' 'echo "v=v; echo \$v \$1" >f; set -- a; . ./f'
check 'dot: return' 0 'b 3' 'echo "echo b; return 3; echo c" >f
	. ./f | tr "\n" " "; . ./f >/dev/null; echo $?'

# ---- pipelines
check 'pipeline of two' 0 'B' 'echo b | tr b B'
check 'the lecture'\''s pipeline' 0 "1 Prakhar${nl}2 Prakhar" \
	'printf "2 Prakhar\n3 Aiko\n1 Prakhar\n" >failures.txt
	cat failures.txt | grep "Prakhar" | sort'
pipe='echo x'
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	check "pipeline of $n" 0 x "$pipe"
	pipe="$pipe | cat"
done
check 'a status is the last one'\''s' 0 '1 0' \
	'true | false; a=$?; false | true; echo $a $?'
check 'a megabyte through three pipes' 0 '1000000' \
	'head -c 1000000 /dev/zero | cat | cat | wc -c | tr -d " "'
check 'a writer without readers ends' 0 'y' 'yes | head -n 1'
check 'stages run at the same time' 0 'x' 'mkfifo f; cat f | { echo x >f; cat; }'
check 'compound commands in pipelines' 0 '6' \
	'for i in 1 2 3; do echo $i; done | { s=0; while read x; do
	s=$((s+x)); done; echo $s; }'
check 'stages are subshells' 0 'a' 'v=a; v=b | true; echo $v'
check 'no descriptors leak into stages' 0 'same' \
	'a=$(ls /proc/self/fd | wc -l); b=$(true | ls /proc/self/fd | wc -l)
	[ $a = $b ] && echo same'
check 'newline after a bar' 0 'X' "echo x |${nl}tr x X"

# ---- redirections
check 'output and input' 0 'a' 'echo a >f; cat <f'
check 'append' 0 "a${nl}b" 'echo a >f; echo b >>f; cat f'
check 'output truncates' 0 'b' 'echo aaaa >f; echo b >f; cat f'
check 'standard error' 0 'err' 'sh -c "echo out; echo err >&2" 2>f >g; cat f'
check '2>&1 after >' 0 "out${nl}err" \
	'sh -c "echo out; echo err >&2" >f 2>&1; cat f'
check '2>&1 before >' 0 'err' 'sh -c "echo out; echo err >&2" 2>&1 >f'
check '2>&1 into a pipe' 0 'ERR' 'sh -c "echo err >&2" 2>&1 | tr a-z A-Z'
check 'redirection first' 0 'a' '>f echo a; cat f'
check 'only a redirection' 0 '0' '>f; wc -c <f | tr -d " "'
check 'descriptor 3' 0 'three' 'exec 3>f; echo three >&3; exec 3>&-; cat f'
check 'exec for good' 0 'a' '(exec >f; echo a); cat f'
check 'swap output and error' 0 'err' \
	'(sh -c "echo out; echo err >&2" 3>&1 1>&2 2>&3)'
check 'a closed descriptor' 0 'closed' '(echo x >&-) || echo closed'
check 'read and write' 0 'Xbc' 'printf abc >f; printf X 1<>f; cat f'
check 'a missing file' 0 'no' 'cat <none || echo no'
check 'a failed redirection runs nothing' 0 'after' \
	'echo x <none; echo after'
check 'around a loop' 0 "1${nl}2" 'for i in 1 2; do echo $i; done >f; cat f'
check 'into a loop' 0 '[a][b]' \
	'printf "a\nb\n" >f; while read x; do printf "[$x]"; done <f'
check 'a builtin'\''s redirection ends' 0 'b' 'echo a >f; echo b'
check 'a target is expanded' 0 'x' 'n=f; echo x >$n.txt; cat f.txt'
check 'standard input of a pipeline' 0 'B' 'echo b >f; cat <f | tr b B'
check 'here-document' 0 "a 1${nl}b" "x=1; cat <<E${nl}a \$x${nl}b${nl}E"
check 'here-document: quoted' 0 'a $x' "x=1; cat <<'E'${nl}a \$x${nl}E"
check 'here-document: tabs' 0 "a${nl}b" "cat <<-E${nl}		a${nl}	b${nl}	E"
check 'here-document: substitution' 0 'x 3 \ $' \
	"cat <<E${nl}\$(echo x) \$((1+2)) \\\\ \\\$${nl}E"
check 'here-document: quotes are text' 0 "'a' \"b\"" \
	"cat <<E${nl}'a' \"b\"${nl}E"
check 'two here-documents' 0 "a${nl}b" \
	"cat <<A; cat <<B${nl}a${nl}A${nl}b${nl}B"
check 'here-document and pipe' 0 'A' "cat <<E | tr a A${nl}a${nl}E"
check 'here-document in a loop' 0 '1 2 ' \
	"for i in 1 2; do tr '\n' ' ' <<E${nl}\$i${nl}E${nl}done"
check 'a large here-document' 0 '200001' \
	"v=\$(head -c 200000 /dev/zero | tr '\\0' x)
wc -c <<E | tr -d ' '${nl}\$v${nl}E"

# ---- exit statuses
check 'exit' 3 '' 'exit 3'
check 'exit without a number' 1 '' 'false; exit'
check 'exit in the middle' 5 'a' 'echo a; exit 5; echo b'
check 'the last command'\''s status' 1 '' 'true; false'
check 'not found' 127 '' 'nosuchcommand'
check 'not found, with a slash' 127 '' './nosuchcommand'
check 'not executable' 126 '' 'echo x >f; ./f'
check 'a directory' 126 '' '/tmp'
check 'a script without #!' 0 'hi' 'echo "echo hi" >f; chmod 755 f; ./f'
check 'killed by a signal' 0 '137' 'sh -c "kill -9 \$\$"; echo $?'
check 'SIGTERM' 0 '143' 'sh -c "kill -TERM \$\$"; echo $?'
check 'a killed last stage' 0 '143' 'true | sh -c "kill -15 \$\$"; echo $?'
check 'syntax errors' 2 '' 'echo a; if'
check 'unexpected operator' 2 '' 'echo a | | b'
check 'set -e' 1 'a' 'set -e; echo a; false; echo b'
check 'set -e and conditions' 0 "a${nl}b" \
	'set -e; if false; then :; fi; echo a; false || echo b'
check 'set -e and functions' 1 '' 'set -e; f() { false; echo no; }; f'
check 'set -u' 0 'stopped' '(set -u; echo $none; echo no) || echo stopped'
check 'exec replaces the shell' 0 'new' 'exec echo new; echo old'
check 'exec of nothing' 127 '' 'exec nosuchcommand; echo no'
check 'command -v' 0 'cd' 'command -v cd; command -v nosuchcommand || :'

# ---- background, wait, signals
check 'background and wait' 0 'done 0' 'true & wait; echo done $?'
check 'wait for a status' 0 '9' '(exit 9) & wait $!; echo $?'
check 'two at once' 0 '3 4' \
	'(exit 3) & a=$!; (exit 4) & b=$!; wait $a; x=$?; wait $b; echo $x $?'
check 'wait for a killed one' 0 '143' 'sleep 10 & kill $!; wait $!; echo $?'
check 'wait for a stranger' 0 '127' 'wait 99999; echo $?'
check 'the shell does not wait' 0 "first${nl}second" \
	'(sleep 0.2; echo second) & echo first; wait'
check 'input of a background job' 0 '' 'cat & wait'
check 'a pipeline in the background' 0 'X' 'echo x | tr x X & wait'
check 'fifty children at once' 0 '50' \
	'i=0; while [ $i -lt 50 ]; do echo x & i=$((i+1)); done | wc -l |
	tr -d " "; wait'
check 'trap and kill' 0 "got${nl}after" \
	'trap "echo got" USR1; kill -USR1 $$; echo after'
check 'trap EXIT' 3 "a${nl}bye" 'trap "echo bye" EXIT; echo a; exit 3'
check 'trap and ignore' 0 'alive' 'trap "" TERM; kill -TERM $$; echo alive'
check 'trap and default' 0 '143' \
	'trap "" TERM; (trap - TERM; :); sh -c "kill -TERM \$\$" ; trap - TERM
	sh -c "kill -TERM \$\$"; echo $?'
check 'a trap interrupts wait' 0 "trapped${nl}138" \
	'trap "echo trapped" USR1; sleep 5 >/dev/null 2>&1 & p=$!
	(sleep 0.2; kill -USR1 $$) & wait $p; s=$?
	kill $p; echo $s'
check 'kill -0' 0 'gone' 'true & p=$!; wait $p; kill -0 $p || echo gone'

# ---- builtins
check 'cd and pwd' 0 '/' 'cd /; pwd'
check 'cd -' 0 '/' 'cd /; cd /tmp; cd - >/dev/null; pwd'
check 'cd to nowhere' 0 'no' 'cd /nosuchdirectory || echo no'
check 'read' 0 'a b c' 'echo "a b c" | { read x; echo $x; }'
check 'read several' 0 '1 2 <3 4>' \
	'echo "1 2 3 4" | { read a b c; echo $a $b "<$c>"; }'
check 'read with IFS' 0 'a-b:c' 'echo a:b:c | { IFS=: read x y; echo $x-$y; }'
check 'read at the end' 0 'end x' \
	'printf x | { read v || printf "end "; echo $v; }'
check 'read -r' 0 'a\b' "printf '%s\n' 'a\\b' | { read -r x; printf '%s\n' \"\$x\"; }"
check 'read takes one line only' 0 'two' 'printf "one\ntwo\n" |
	{ read x; cat; }'
check 'umask' 0 '-rw-------' 'umask 077; >f; ls -l f | cut -c1-10'
check 'test: strings' 0 'ok' '[ a = a ] && [ a != b ] && [ -n a ] && [ -z "" ] &&
	[ ! a = b ] && [ a ] && ! [ "" ] && echo ok'
check 'test: numbers' 0 'ok' '[ 1 -eq 1 ] && [ 1 -ne 2 ] && [ 1 -lt 2 ] &&
	[ 2 -ge 2 ] && ! [ 3 -le 2 ] && [ 3 -gt -3 ] && echo ok'
check 'test: files' 0 'ok' '>e; echo x >f; mkdir d; ln -s f l; [ -e e ] &&
	[ ! -s e ] && [ -s f ] && [ -d d ] && [ -L l ] && [ -f l ] &&
	! [ -e none ] && echo ok'
check 'test: operators as operands' 0 'ok' \
	'[ "(" = "(" ] && [ ! = ! ] && [ -f = -f ] && [ = ] && echo ok'
check 'echo -n' 0 'ab' 'echo -n a; echo b'

# ---- where commands come from
input 'commands from standard input' 0 'a b' 'x=b; echo a $x'
shared 'a child reads the next line' 0 "got line${nl}end" \
	"sh -c 'read x; echo got \$x'${nl}line${nl}echo end"
shared 'read takes the next line' 0 'got line' "read x${nl}line${nl}echo got \$x"
input 'exit from standard input' 4 'a' "echo a${nl}exit 4${nl}echo b"
input 'compound over several lines' 0 '12' \
	"for i in 1 2${nl}do${nl}printf \$i${nl}done"
input 'an error does not stop' 0 'after' "nosuchcommand${nl}echo after"
file 'a script and its arguments' 0 './script 2 b' 'echo $0 $# $2' a b
file 'a script over many lines' 6 "1${nl}2" "echo 1${nl}${nl}# c${nl}echo 2${nl}exit 6"
fresh
got=$(echo in | $SH -c 'read x; echo $x')
result '-c reads standard input' $? 0 "$got" in
fresh
echo 'read x; echo $x' >script
got=$(echo in | $SH ./script)
result 'a script reads standard input' $? 0 "$got" in
$SH ./nosuchscript 2>/dev/null || got=failed
result 'a missing script' 0 0 "$got" failed

# ---- messages of our own shell
if [ "$($SH -c nosuch 2>&1)" = 'sh: nosuch: not found' ]; then
	both 'own: a missing file' 1 'sh: none: No such file or directory' \
		': ; cat <none'
	both 'own: permission' 126 'sh: /tmp: Permission denied' '/tmp'
	both 'own: syntax' 2 'sh: line 2: syntax error: unexpected )' \
		":${nl}echo a )"
	both 'own: end of file' 2 "sh: line 1: syntax error: end of file in '...'" \
		"echo 'a"
	both 'own: unset' 2 'sh: none: parameter not set' 'set -u; echo $none'
	both 'own: arithmetic' 2 'sh: 1/0: division by zero' 'echo $((1/0))'
	both 'own: arithmetic leaves out operands' 0 '1 0 v=3' \
		'v=3; echo $((1||(v=9))) $((0&&1/0)) v=$v'
	both 'own: readonly' 2 'sh: v: is read only' 'readonly v; v=1'
	both 'own: cd' 1 'sh: cd: /none: No such file or directory' 'cd /none'
	both 'own: a killed program' 143 'Terminated' \
		'sh -c "kill \$\$"; exit $?'
	both 'own: deep nesting' 2 \
		'sh: line 1: syntax error: commands are nested too deeply' \
		"$(head -c 20000 /dev/zero | tr '\0' '(')"
fi

cd / && rm -rf "$dir"
echo "1..$count"
echo "# $failed failed"
[ "$failed" = 0 ]
