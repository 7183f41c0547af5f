# Terraform 1.11 or OpenTofu 1.10, or later: the lock file of the S3 state is in both. The provider:
# 6.28 is the first with all that response streaming and function URLs need.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.28, < 7"
    }
  }

  # Its settings come from init.sh or init.bat, which also make the bucket.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ Application = var.name, ManagedBy = "terraform" }, var.tags)
  }
}

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}
