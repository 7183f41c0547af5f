@echo off
rem Usage: init.bat [REGION] [NAME] [BUCKET] [KEY]
rem
rem Makes the S3 bucket that keeps the Terraform state (versioned, encrypted, private), unless it is
rem there, and runs `terraform init` with it (or `tofu init`, where there is no terraform; %TERRAFORM%
rem says which). May be run again at any time. `terraform destroy` leaves the bucket: see README.md.
rem
rem   REGION   where the bucket is (default: the AWS tools' own)
rem   NAME     as the variable `name` (default: bide)
rem   BUCKET   a bucket of your own: if it is there, it is used as it is
rem            (default: NAME-terraform-ACCOUNT-REGION)
rem   KEY      the state's name in it (default: NAME.tfstate)
setlocal EnableExtensions DisableDelayedExpansion
cd /d "%~dp0"

set "region=%~1"
set "name=%~2"
set "bucket=%~3"
set "mine=%~3"
set "key=%~4"
if not defined name set "name=bide"
if not defined region set "region=%AWS_REGION%"
if not defined region set "region=%AWS_DEFAULT_REGION%"

where aws >nul 2>nul
if errorlevel 1 (
    echo init.bat: the AWS command line ^(aws^) is not installed 1>&2
    exit /b 1
)
if defined TERRAFORM goto have_terraform
set "TERRAFORM=terraform"
where terraform >nul 2>nul
if not errorlevel 1 goto have_terraform
set "TERRAFORM=tofu"
where tofu >nul 2>nul
if not errorlevel 1 goto have_terraform
echo init.bat: neither terraform nor tofu is installed 1>&2
exit /b 1
:have_terraform

if not defined region for /f "delims=" %%i in ('aws configure get region') do set "region=%%i"
if not defined region (
    echo init.bat: which region? Give it first, or set AWS_REGION 1>&2
    exit /b 1
)
rem Version 1 of aws knows the latter only.
set "AWS_REGION=%region%"
set "AWS_DEFAULT_REGION=%region%"
set "account="
rem The region of this ARN is empty, and for /f takes two colons for one.
for /f "tokens=2,4 delims=:" %%i in ('aws sts get-caller-identity --query Arn --output text') do (
    set "partition=%%i"
    set "account=%%j"
)
if not defined account (
    echo init.bat: AWS does not know who you are: log in ^(aws configure, aws sso login^) and run this again 1>&2
    exit /b 1
)
if not defined bucket set "bucket=%name%-terraform-%account%-%region%"
if not defined key set "key=%name%.tfstate"

set "said=%TEMP%\bide-init-%RANDOM%.txt"
aws s3api head-bucket --bucket "%bucket%" --expected-bucket-owner "%account%" >nul 2>"%said%"
if not errorlevel 1 (
    echo The bucket %bucket% is there.
    del "%said%"
    if defined mine goto init
    goto configure
)
find "(404)" "%said%" >nul
if errorlevel 1 (
    echo init.bat: the bucket %bucket% cannot be had: 1>&2
    type "%said%" 1>&2
    echo init.bat: if it belongs to somebody else, give another one 1>&2
    del "%said%"
    exit /b 1
)
del "%said%"
rem us-east-1 is the one region that must not be named.
if "%region%"=="us-east-1" (
    aws s3api create-bucket --bucket "%bucket%" >nul
) else (
    aws s3api create-bucket --bucket "%bucket%" --create-bucket-configuration LocationConstraint=%region% >nul
)
if errorlevel 1 exit /b 1
echo Made the bucket %bucket%.

:configure
aws s3api put-public-access-block --bucket "%bucket%" --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
if errorlevel 1 exit /b 1
aws s3api put-bucket-versioning --bucket "%bucket%" --versioning-configuration Status=Enabled
if errorlevel 1 exit /b 1
aws s3api put-bucket-encryption --bucket "%bucket%" --server-side-encryption-configuration "{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":{\"SSEAlgorithm\":\"AES256\"}}]}"
if errorlevel 1 exit /b 1
aws s3api put-bucket-policy --bucket "%bucket%" --policy "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"OnlyTls\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":[\"arn:%partition%:s3:::%bucket%\",\"arn:%partition%:s3:::%bucket%/*\"],\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]}"
if errorlevel 1 exit /b 1
aws s3api put-bucket-lifecycle-configuration --bucket "%bucket%" --lifecycle-configuration "{\"Rules\":[{\"ID\":\"old-states\",\"Status\":\"Enabled\",\"Filter\":{\"Prefix\":\"\"},\"NoncurrentVersionExpiration\":{\"NoncurrentDays\":90}}]}" >nul
if errorlevel 1 exit /b 1

:init
"%TERRAFORM%" init -input=false -backend-config="bucket=%bucket%" -backend-config="key=%key%" -backend-config="region=%region%" -backend-config="encrypt=true" -backend-config="use_lockfile=true"
if errorlevel 1 exit /b 1
echo Now: %TERRAFORM% apply -var region=%region%
