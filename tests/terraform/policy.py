"""What must hold of everything that deploy/terraform makes, whatever the variables: looked up in what
`tofu show -json` says of a plan or a state.

What is known only after apply is not in a plan: there a rule passes over it, in a state it does not.
"""
import json
import re

# Allow statements on resource "*", by their sid, and why there is nothing to name.
NO_RESOURCE = {
    "Interfaces": "ec2:*NetworkInterface* for functions in a VPC: AWS knows no resource for them before they are "
                  "there; a second statement denies them to the function's own code",
    "Login": "ecr:GetAuthorizationToken has no resource",
}
# Policies of AWS's own, and why.
MANAGED = {
    "AmazonAPIGatewayPushToCloudWatchLogs": "API Gateway refuses a role for access logs that has less",
}
EVERYWHERE = {"0.0.0.0/0", "::/0"}
PUBLIC_ENTRY = "aws_vpc_security_group_ingress_rule.public["  # of the load balancer


def resources(shown):
    """[(address, type, values)] of a plan or a state, with those of modules."""
    def inside(module):
        for resource in module.get("resources", []):
            if resource["mode"] == "managed":
                yield resource["address"], resource["type"], resource["values"]
        for child in module.get("child_modules", []):
            yield from inside(child)

    top = shown.get("planned_values") or shown.get("values") or {}
    return list(inside(top.get("root_module", {})))


def _statements(text):
    found = json.loads(text)["Statement"] if text else []
    return found if isinstance(found, list) else [found]


def _listed(value):
    return value if isinstance(value, list) else [value]


def _key(address):
    """[...] of an address: which of several."""
    return re.sub(r"^[^\[]*", "", address.rsplit(".", 1)[-1])


def check(shown):
    """What is wrong, as texts."""
    everything, known = resources(shown), "planned_values" not in shown
    wrong = []

    def of(kind):
        return [(address, values) for address, type_, values in everything if type_ == kind]

    def want(right, address, what):
        if not right:
            wrong.append(f"{address}: {what}")

    _doors(of, want)
    _policies(of, want)
    _buckets(of, want, known)
    for address, values in of("aws_sqs_queue"):
        want(values.get("sqs_managed_sse_enabled") or values.get("kms_master_key_id"), address, "not encrypted")
    for address, values in of("aws_elasticache_replication_group"):
        want(values.get("transit_encryption_enabled") and values.get("transit_encryption_mode") == "required",
             address, "speaks in clear")
        want(values.get("at_rest_encryption_enabled") in (True, "true"), address, "not encrypted")
    for kind in ("aws_elasticache_replication_group", "aws_elasticache_serverless_cache"):
        for address, values in of(kind):
            want(values.get("user_group_ids") or values.get("user_group_id"), address, "lets everybody in")
    for address, values in of("aws_elasticache_user"):
        modes = [mode["type"] for mode in values.get("authentication_mode") or []]
        want(modes in (["iam"], ["password"]), address, "needs no password")
        want(re.search(r"~bide:\* .*&bide:\* -@all ", values["access_string"]), address, "may do more than bide does")
    for address, values in of("aws_cloudwatch_log_group"):
        want(values.get("retention_in_days"), address, "keeps logs for ever")
    for address, values in of("aws_lambda_event_source_mapping"):
        want(values.get("function_response_types") == ["ReportBatchItemFailures"], address,
             "one failed message brings the whole batch again")
    return wrong


def _doors(of, want):
    for address, values in of("aws_vpc_security_group_ingress_rule"):
        cidrs = {values.get("cidr_ipv4"), values.get("cidr_ipv6")}
        want(not cidrs & EVERYWHERE or address.startswith(PUBLIC_ENTRY), address, "open to everybody")
        want(values["ip_protocol"] == "tcp" and values["from_port"] == values["to_port"], address, "more than a port")
    for address, values in of("aws_vpc_security_group_egress_rule"):
        want(values["ip_protocol"] != "-1", address, "anything may go out")
    for kind in ("aws_security_group", "aws_default_security_group"):
        for address, values in of(kind):
            want(not values.get("ingress") and not values.get("egress"), address, "rules inside a group")
    want(not of("aws_security_group_rule"), "aws_security_group_rule", "rules of the old kind are not looked at")
    for address, values in of("aws_subnet"):
        want(not values.get("map_public_ip_on_launch"), address, "gives out public addresses")
    for address, values in of("aws_ecs_service"):
        for network in values.get("network_configuration") or []:
            want(not network.get("assign_public_ip"), address, "has a public address")
    for address, values in of("aws_lambda_function"):
        want(values.get("vpc_config"), address, "not in the VPC")
    for address, values in of("aws_lambda_permission"):
        want(values["principal"] != "*" or values.get("function_url_auth_type") == "NONE" or
             values.get("invoked_via_function_url"), address, "everybody may invoke it")
        want(values["principal"] != "apigateway.amazonaws.com" or "source_arn" not in values or values["source_arn"],
             address, "any gateway may invoke it")
    for address, values in of("aws_lb_listener"):
        want(values["protocol"] == "HTTP" or "TLS13" in (values.get("ssl_policy") or ""), address, "old TLS")


def _policies(of, want):
    for kind in ("aws_iam_role_policy", "aws_iam_policy"):
        for address, values in of(kind):
            for statement in _statements(values.get("policy")):
                if statement["Effect"] != "Allow":
                    continue
                for action in _listed(statement.get("Action", "*")):
                    want("*" not in action, address, f"allows {action}")
                for resource in _listed(statement.get("Resource", "*")):
                    want(resource != "*" or statement.get("Sid") in NO_RESOURCE, address,
                         f"allows {statement.get('Action')} on everything")
    for address, values in of("aws_iam_role_policy_attachment"):
        name = (values.get("policy_arn") or "").rsplit("/", 1)[-1]
        want(not name or name in MANAGED, address, f"attaches {name}")
    for address, values in of("aws_iam_role"):
        for statement in _statements(values.get("assume_role_policy")):
            want(list(statement["Principal"]) == ["Service"], address, "may be taken by others than AWS's services")
    for kind in ("aws_s3_bucket_policy", "aws_sqs_queue_policy"):
        for address, values in of(kind):
            for statement in _statements(values.get("policy")):
                principal = statement["Principal"]
                everybody = principal == "*" or "*" in _listed(principal.get("AWS", []))
                want(statement["Effect"] == "Deny" or not everybody, address, "lets everybody in")


def _buckets(of, want, known):
    buckets = dict(of("aws_s3_bucket"))

    def each_has(kind, right, what):
        """Each bucket has a resource of that kind, of its own name and key, for which `right` holds."""
        those = {re.sub(r"^(.*\.)?\w+\.", "", address): values for address, values in of(kind)}
        for address, bucket in buckets.items():
            values = those.get(re.sub(r"^(.*\.)?\w+\.", "", address))
            want(values is not None, address, what)
            if values is not None:
                want(right(values), address, what)
                want(not known or values["bucket"] == bucket["bucket"], address, f"{what}: that is another bucket's")

    each_has("aws_s3_bucket_public_access_block",
             lambda values: all(values[key] for key in ("block_public_acls", "block_public_policy", "ignore_public_acls",
                                                        "restrict_public_buckets")), "may become public")
    each_has("aws_s3_bucket_server_side_encryption_configuration",
             lambda values: all(rule["apply_server_side_encryption_by_default"][0]["sse_algorithm"]
                                for rule in values["rule"]), "not encrypted")
    each_has("aws_s3_bucket_lifecycle_configuration",
             lambda values: all(rule["status"] == "Enabled" and rule["expiration"][0]["days"] and
                                rule["abort_incomplete_multipart_upload"] for rule in values["rule"]),
             "keeps objects for ever")
    each_has("aws_s3_bucket_policy",
             lambda values: "policy" not in values or any(
                 statement["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(statement)
                 for statement in _statements(values["policy"])), "speaks in clear")
    for address, values in of("aws_s3_bucket_acl"):
        want("public" not in (values.get("acl") or ""), address, "is public")
