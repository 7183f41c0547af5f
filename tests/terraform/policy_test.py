#!/usr/bin/env python3
"""Each rule of policy.py can fail: a plan that is right, with one thing made wrong after the other."""
import copy
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import policy  # noqa: E402


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


TLS = json.dumps({"Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*",
                                 "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})
RIGHT = {
    "aws_vpc_security_group_ingress_rule.cache": {
        "referenced_security_group_id": "sg-1", "ip_protocol": "tcp", "from_port": 6379, "to_port": 6379},
    'aws_vpc_security_group_ingress_rule.public["80"]': {
        "cidr_ipv4": "0.0.0.0/0", "ip_protocol": "tcp", "from_port": 80, "to_port": 80},
    "aws_vpc_security_group_egress_rule.cache": {"ip_protocol": "tcp", "from_port": 6379, "to_port": 6379},
    "aws_security_group.front": {"ingress": [], "egress": []},
    "aws_subnet.private": {"map_public_ip_on_launch": False},
    "module.front.aws_ecs_service.this": {"network_configuration": [{"assign_public_ip": False}]},
    "aws_lambda_function.front": {"vpc_config": [{}]},
    "aws_lambda_permission.gateway": {"principal": "apigateway.amazonaws.com", "source_arn": "arn:api/*"},
    "aws_lambda_permission.url": {"principal": "*", "function_url_auth_type": "NONE"},
    "aws_lb_listener.front": {"protocol": "HTTPS", "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
    "aws_iam_role.front": {"assume_role_policy": document(Principal={"Service": "lambda.amazonaws.com"})},
    "aws_iam_role_policy.front": {"policy": document(Action=["sqs:SendMessage"], Resource="arn:queue")},
    "aws_iam_role_policy.in_vpc": {"policy": document(Sid="Interfaces", Action="ec2:DescribeSubnets", Resource="*")},
    "aws_iam_role_policy_attachment.gateway": {"policy_arn": "arn:x/AmazonAPIGatewayPushToCloudWatchLogs"},
    "aws_sqs_queue.queue": {"sqs_managed_sse_enabled": True},
    "aws_sqs_queue_policy.tls": {"policy": TLS},
    "aws_elasticache_replication_group.cache": {
        "transit_encryption_enabled": True, "transit_encryption_mode": "required", "at_rest_encryption_enabled": "true",
        "user_group_ids": ["bide"]},
    "aws_elasticache_serverless_cache.cache": {"user_group_id": "bide"},
    "aws_elasticache_user.iam": {"authentication_mode": [{"type": "iam"}],
                                 "access_string": "on ~bide:* resetchannels &bide:* -@all +ping"},
    "aws_cloudwatch_log_group.front": {"retention_in_days": 30},
    "aws_lambda_event_source_mapping.worker": {"function_response_types": ["ReportBatchItemFailures"]},
    "aws_s3_bucket.bucket": {"bucket": "b"},
    "aws_s3_bucket_public_access_block.bucket": {
        "bucket": "b", "block_public_acls": True, "block_public_policy": True, "ignore_public_acls": True,
        "restrict_public_buckets": True},
    "aws_s3_bucket_server_side_encryption_configuration.bucket": {
        "bucket": "b", "rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256"}]}]},
    "aws_s3_bucket_lifecycle_configuration.bucket": {
        "bucket": "b", "rule": [{"status": "Enabled", "expiration": [{"days": 1}],
                                 "abort_incomplete_multipart_upload": [{"days_after_initiation": 1}]}]},
    "aws_s3_bucket_policy.bucket": {"bucket": "b", "policy": TLS},
}
# Address, what is put there (None: it is gone), and what must be said.
WRONG = [
    ("aws_vpc_security_group_ingress_rule.cache", {"cidr_ipv4": "0.0.0.0/0"}, "open to everybody"),
    ("aws_vpc_security_group_ingress_rule.cache", {"cidr_ipv6": "::/0"}, "open to everybody"),
    ("aws_vpc_security_group_ingress_rule.cache", {"to_port": 65535}, "more than a port"),
    ("aws_vpc_security_group_egress_rule.cache", {"ip_protocol": "-1"}, "anything may go out"),
    ("aws_security_group.front", {"ingress": [{}]}, "rules inside a group"),
    ("aws_subnet.private", {"map_public_ip_on_launch": True}, "public addresses"),
    ("module.front.aws_ecs_service.this", {"network_configuration": [{"assign_public_ip": True}]}, "public address"),
    ("aws_lambda_function.front", {"vpc_config": []}, "not in the VPC"),
    ("aws_lambda_permission.gateway", {"source_arn": None}, "any gateway"),
    ("aws_lambda_permission.url", {"function_url_auth_type": None}, "everybody may invoke it"),
    ("aws_lb_listener.front", {"ssl_policy": "ELBSecurityPolicy-2016-08"}, "old TLS"),
    ("aws_iam_role.front", {"assume_role_policy": document(Principal={"AWS": "*"})}, "taken by others"),
    ("aws_iam_role_policy.front", {"policy": document(Action="sqs:*", Resource="arn:queue")}, "allows sqs:*"),
    ("aws_iam_role_policy.front", {"policy": document(Action="sqs:SendMessage", Resource="*")}, "on everything"),
    ("aws_iam_role_policy.front", {"policy": document(NotAction="sqs:SendMessage", Resource="arn:queue")}, "allows *"),
    ("aws_iam_role_policy_attachment.gateway", {"policy_arn": "arn:x/AdministratorAccess"}, "AdministratorAccess"),
    ("aws_sqs_queue.queue", {"sqs_managed_sse_enabled": False}, "not encrypted"),
    ("aws_sqs_queue_policy.tls", {"policy": document(Principal="*", Action="sqs:SendMessage")}, "lets everybody in"),
    ("aws_elasticache_replication_group.cache", {"transit_encryption_mode": "preferred"}, "speaks in clear"),
    ("aws_elasticache_replication_group.cache", {"at_rest_encryption_enabled": "false"}, "not encrypted"),
    ("aws_elasticache_replication_group.cache", {"user_group_ids": []}, "lets everybody in"),
    ("aws_elasticache_serverless_cache.cache", {"user_group_id": None}, "lets everybody in"),
    ("aws_elasticache_user.iam", {"authentication_mode": [{"type": "no-password-required"}]}, "needs no password"),
    ("aws_elasticache_user.iam", {"access_string": "on ~* +@all"}, "may do more"),
    ("aws_cloudwatch_log_group.front", {"retention_in_days": 0}, "for ever"),
    ("aws_lambda_event_source_mapping.worker", {"function_response_types": []}, "the whole batch"),
    ("aws_s3_bucket_public_access_block.bucket", {"block_public_policy": False}, "may become public"),
    ("aws_s3_bucket_public_access_block.bucket", None, "may become public"),
    ("aws_s3_bucket_public_access_block.bucket", {"bucket": "other"}, "another bucket's"),
    ("aws_s3_bucket_server_side_encryption_configuration.bucket", None, "not encrypted"),
    ("aws_s3_bucket_lifecycle_configuration.bucket", None, "keeps objects for ever"),
    ("aws_s3_bucket_policy.bucket", {"policy": document(Principal={"AWS": "1"}, Action="s3:GetObject")}, "in clear"),
    ("aws_s3_bucket_policy.bucket", {"policy": document(Principal={"AWS": "*"}, Action="s3:GetObject")},
     "lets everybody in"),
]


def shown(values):
    def listed(inside):
        return [{"mode": "managed", "address": address, "type": address.split(".")[-2], "values": value}
                for address, value in values.items() if address.startswith("module.") == inside]

    return {"values": {"root_module": {"resources": listed(False), "child_modules": [{"resources": listed(True)}]}}}


class Policy(unittest.TestCase):
    def test_what_is_right_passes(self):
        self.assertEqual(policy.check(shown(RIGHT)), [])

    def test_each_rule_can_fail(self):
        for address, change, word in WRONG:
            with self.subTest(address=address, change=change):
                values = copy.deepcopy(RIGHT)
                if change is None:
                    del values[address]
                else:
                    values[address].update(change)
                found = policy.check(shown(values))
                self.assertTrue(any(word in text for text in found), found)


if __name__ == "__main__":
    unittest.main()
