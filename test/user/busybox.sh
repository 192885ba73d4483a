#!/bin/busybox sh
# What people do in a shell, through busybox: runs as the first process, and on Linux for comparison. Prints "ok NAME" or "not ok NAME: why" for each.

passed=0
failed=0
folder=/tmp/busybox-test.$$

# expect NAME OUTPUT COMMAND...: the command, run by a shell of its own, prints exactly this and succeeds.
expect()
{
    name=$1
    wanted=$2
    shift 2
    got=$(/bin/busybox sh -c "$*" 2>&1)
    status=$?
    if [ "$got" = "$wanted" ] && [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name: status $status, expected '$wanted', got '$got'"
    fi
}

/bin/busybox mkdir -p $folder && cd $folder || exit 1
PATH=/bin

expect echo 'a b' 'busybox echo a b'
expect arithmetic 42 'echo $((6 * 7))'
expect exit-status 3 'busybox sh -c "exit 3"; echo $?'
expect killed 'Segmentation fault
139' 'busybox sh -c "kill -SEGV \$\$"; echo $?'
expect variables 'x=y' 'x=y; export x; busybox env | busybox grep ^x='
expect write-and-read 'one
two' 'echo one >f; echo two >>f; busybox cat f'
expect pipe 3 'busybox printf "a\nb\nc\n" | busybox wc -l | busybox tr -d " "'
expect long-pipe 100000 'busybox seq 100000 | busybox sort -n | busybox tail -n 1 | busybox cat'
expect substitution '<x>' 'echo "<$(echo x)>"'
expect background 'done' 'busybox sleep 0 & wait && echo done'
expect here-document 'in document' 'busybox cat <<END
in document
END'
expect folders 'd/e' 'busybox mkdir -p d/e; busybox find d -name e'
expect list 'a
b' 'busybox mkdir l; busybox touch l/b l/a; busybox ls l'
expect remove 'gone' 'busybox mkdir r; busybox touch r/x; busybox rm -r r; [ -e r ] || echo gone'
expect rename 'moved' 'echo moved >m1; busybox mv m1 m2; busybox cat m2'
expect copy 'same' 'busybox seq 5000 >c1; busybox cp c1 c2; busybox cmp c1 c2 && echo same'
expect symbolic-link 'target' 'echo target >t; busybox ln -s t s; busybox cat s'
expect readlink 't2' 'busybox ln -s t2 s2; busybox readlink s2'
expect mode '-rwxr-x---' 'busybox touch x; busybox chmod 750 x; busybox stat -c %A x'
expect size 12345 'busybox head -c 12345 /dev/zero >z; busybox stat -c %s z'
expect grep 'beta' 'busybox printf "alpha\nbeta\n" | busybox grep ^b'
expect sed 'xbc' 'echo abc | busybox sed s/a/x/'
expect awk 6 'busybox printf "1\n2\n3\n" | busybox awk "{ s += \$1 } END { print s }"'
expect sort 'a
b
c' 'busybox printf "c\na\nb\n" | busybox sort'
expect checksum 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -' 'busybox sha256sum </dev/null'
expect processes 1 'busybox ps -o pid | busybox grep -c "^ *$$\$"'
expect own-arguments 'busybox,cat,/proc/self/cmdline,' 'busybox cat /proc/self/cmdline | busybox tr "\0" ,'
expect archive 'inside' 'busybox mkdir k; echo inside >k/f; busybox tar cf k.tar k; busybox rm -r k; busybox tar xf k.tar; busybox cat k/f'
expect compress 'same' 'busybox seq 20000 >g; busybox gzip -c g | busybox gunzip -c | busybox cmp - g && echo same'
expect find-files 3 'busybox mkdir n; busybox touch n/1 n/2 n/3; busybox find n -type f | busybox wc -l | busybox tr -d " "'
expect loop '1 2 3 ' 'for i in 1 2 3; do busybox printf "%s " $i; done'
expect trap 'caught' 'trap "echo caught; exit 0" TERM; kill -TERM $$; busybox sleep 5'
expect identity 'a number' '[ $(busybox id -u) -ge 0 ] && echo a number'
expect null-device '' 'echo lost >/dev/null'
expect full-device 'full' 'busybox dd if=/dev/zero of=/dev/full bs=1 count=1 2>/dev/null || echo full'
expect script 'called with a' 'echo "echo called with \$1" >p; busybox sh p a'
expect interpreter 'by its first line' 'busybox printf "#!/bin/busybox sh\necho by its first line\n" >q; busybox chmod +x q; ./q'

cd /
/bin/busybox rm -r $folder
echo "busybox: $passed passed, $failed failed"
[ $failed = 0 ]
