#!/bin/sh
# Usage: ./init.sh [--region REGION] [--name NAME] [--bucket BUCKET] [--key KEY]
#
# Makes the S3 bucket that keeps the Terraform state (versioned, encrypted, private), unless it is
# there, and runs `terraform init` with it (or `tofu init`, where there is no terraform; $TERRAFORM says
# which). May be run again at any time. `terraform destroy` leaves the bucket: see README.md.
#
#   --region   where the bucket is (default: the AWS tools' own)
#   --name     as the variable `name` (default: bide)
#   --bucket   a bucket of your own: if it is there, it is used as it is
#              (default: NAME-terraform-ACCOUNT-REGION)
#   --key      the state's name in it (default: NAME.tfstate)
set -eu
cd "$(dirname "$0")"

fail() {
    echo "init.sh: $*" >&2
    exit 1
}

region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}} name=bide bucket='' key='' configure=yes
while [ $# -gt 0 ]; do
    case $1 in
    --region | --name | --bucket | --key)
        [ $# -ge 2 ] || fail "$1 needs a value"
        case $1 in
        --region) region=$2 ;;
        --name) name=$2 ;;
        --bucket) bucket=$2 ;;
        --key) key=$2 ;;
        esac
        shift 2
        ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0"
        exit
        ;;
    *) fail "what is $1? See ./init.sh --help" ;;
    esac
done

command -v aws >/dev/null || fail "the AWS command line (aws) is not installed"
terraform=${TERRAFORM:-}
[ -n "$terraform" ] || terraform=$(command -v terraform || command -v tofu) ||
    fail "neither terraform nor tofu is installed"
[ -n "$region" ] || region=$(aws configure get region) || fail "which region? Give --region, or set AWS_REGION"
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region" # version 1 of aws knows the latter only
arn=$(aws sts get-caller-identity --query Arn --output text) ||
    fail "AWS does not know who you are: log in (aws configure, aws sso login) and run this again"
account=$(echo "$arn" | cut -d : -f 5) partition=$(echo "$arn" | cut -d : -f 2)
mine=$bucket
[ -n "$bucket" ] || bucket=$name-terraform-$account-$region
[ -n "$key" ] || key=$name.tfstate

if said=$(aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" 2>&1); then
    echo "The bucket $bucket is there."
    [ -z "$mine" ] || configure=no
else
    case $said in
    *404* | *"Not Found"*) ;;
    *403* | *Forbidden*) fail "the bucket $bucket is not yours, or you may not see it: give another with --bucket" ;;
    *) fail "cannot ask for the bucket $bucket: $said" ;;
    esac
    # us-east-1 is the one region that must not be named.
    if [ "$region" = us-east-1 ]; then
        aws s3api create-bucket --bucket "$bucket" >/dev/null
    else
        aws s3api create-bucket --bucket "$bucket" \
            --create-bucket-configuration "LocationConstraint=$region" >/dev/null
    fi
    echo "Made the bucket $bucket."
fi

if [ "$configure" = yes ]; then
    aws s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    aws s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
    aws s3api put-bucket-encryption --bucket "$bucket" --server-side-encryption-configuration \
        '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}'
    aws s3api put-bucket-policy --bucket "$bucket" --policy '{"Version":"2012-10-17","Statement":[
        {"Sid":"OnlyTls","Effect":"Deny","Principal":"*","Action":"s3:*",
         "Resource":["arn:'"$partition"':s3:::'"$bucket"'","arn:'"$partition"':s3:::'"$bucket"'/*"],
         "Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}'
    aws s3api put-bucket-lifecycle-configuration --bucket "$bucket" --lifecycle-configuration \
        '{"Rules":[{"ID":"old-states","Status":"Enabled","Filter":{"Prefix":""},
          "NoncurrentVersionExpiration":{"NoncurrentDays":90}}]}' >/dev/null
fi

"$terraform" init -input=false \
    -backend-config="bucket=$bucket" -backend-config="key=$key" -backend-config="region=$region" \
    -backend-config="encrypt=true" -backend-config="use_lockfile=true"
echo "Now: $(basename "$terraform") apply -var region=$region"
