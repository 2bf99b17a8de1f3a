#!/bin/sh
# checkout.sh REPOSITORY COMMIT FOLDER [PATCH…]: a checkout of exactly that commit, patched.
# A commit that is not there or a patch that does not fit fails the build.
set -eu
repository=$1 commit=$2 folder=$3
shift 3
git clone --quiet --no-checkout "$repository" "$folder"
git -C "$folder" checkout --quiet --detach "$commit"
for patch in "$@"; do
    git -C "$folder" apply "$patch"
done
