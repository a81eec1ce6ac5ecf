#!/bin/sh
# The example answers as the reference does, and says what is wrong.
ask=$1
demo=$2
answer=$("$ask" "$demo" "$demo/samples/0000.png" "图片里有什么") || exit 1
[ "$answer" = "图片中有一个红色的三角形和一个红色的菱形，背景是白色。" ] || {
    echo "another answer: $answer"
    exit 1
}
if message=$("$ask" "$demo" "$demo/config.json" "What is it?" 2>&1); then
    echo "config.json passed as a picture"
    exit 1
fi
[ -n "$message" ] || {
    echo "no message"
    exit 1
}
