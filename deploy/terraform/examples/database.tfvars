# In a VPC that is there, with workers that use its database. Let the database's security group accept
# connections from the output worker_security_group_id.
region                  = "eu-central-1"
vpc_id                  = "vpc-0123456789abcdef0"
private_subnet_ids      = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
private_route_table_ids = ["rtb-0123456789abcdef0"]

worker_egress = [{ cidr = "10.0.8.0/24", port = 5432 }]

queues = {
  report = {
    exec        = ["./report"]
    zip         = "../../build/lambda/report.zip"
    environment = { PGHOST = "reports.cluster-example.eu-central-1.rds.amazonaws.com" }
  }
}
