--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: commitment_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.commitment_attempts (
    sequence bigint NOT NULL,
    run_id text NOT NULL COLLATE pg_catalog."C",
    root text NOT NULL COLLATE pg_catalog."C",
    "row" text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    contract_id text COLLATE pg_catalog."C",
    body text NOT NULL,
    attempted_at_ms bigint NOT NULL
);


--
-- Name: commitment_attempts_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.commitment_attempts ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.commitment_attempts_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.links (
    root text NOT NULL COLLATE pg_catalog."C",
    "row" text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    m3ter_id text NOT NULL COLLATE pg_catalog."C",
    relation text NOT NULL
);


--
-- Name: replicas; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.replicas (
    id text NOT NULL COLLATE pg_catalog."C",
    seen_at_ms bigint NOT NULL
);


--
-- Name: run_joiners; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_joiners (
    run_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL
);


--
-- Name: run_object_results; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_object_results (
    run_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    result text NOT NULL,
    fence bigint DEFAULT 0 NOT NULL
);


--
-- Name: runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.runs (
    id text NOT NULL COLLATE pg_catalog."C",
    parent_record_id text NOT NULL COLLATE pg_catalog."C",
    dry_run bigint NOT NULL,
    state text NOT NULL,
    requested_at_ms bigint NOT NULL,
    ended_at_ms bigint,
    sync_status text,
    error_code text,
    result text,
    started_at_ms bigint,
    kind text DEFAULT 'sync'::text NOT NULL COLLATE pg_catalog."C",
    parameters text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    owner text,
    fence bigint DEFAULT 0 NOT NULL,
    lease_until_ms bigint DEFAULT 0 NOT NULL,
    takeovers bigint DEFAULT 0 NOT NULL,
    tries text DEFAULT '[]'::text NOT NULL,
    callouts text DEFAULT '[]'::text NOT NULL,
    next_try_at_ms bigint,
    replay_of text COLLATE pg_catalog."C",
    requested_by text,
    trace text,
    CONSTRAINT runs_dry_run_check CHECK ((dry_run = ANY (ARRAY[(0)::bigint, (1)::bigint])))
);


--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    checksum text NOT NULL,
    applied_at_ms bigint NOT NULL
);


--
-- Data for Name: commitment_attempts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.commitment_attempts (sequence, run_id, root, "row", key, account_id, contract_id, body, attempted_at_ms) FROM stdin;
\.


--
-- Data for Name: links; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.links (root, "row", kind, key, m3ter_id, relation) FROM stdin;
006S900000795MMIAY	001S900000RzsIUIAZ	Account		7eb2c0a3-1e7e-43e4-b4c4-35d8b111f50d	owned
006S900000795MMIAY	006S900000795MMIAY	Contract		b56fcb2f-d2ba-4cf2-8600-c4236cce4269	owned
006S900000795MMIAY	006S900000795MMIAY	Commitment		25105b30-0d6e-4c7c-b596-0b81e08ccbdf	owned
006S900000795MMIAY	00kS900000079M1IAI	Plan		06078371-add8-45bf-bd69-a95e5531f7ec	owned
006S900000795MMIAY	00kS900000079M1IAI	Pricing		14e95b32-4603-4e19-a490-05642c891c91	owned
006S900000795MMIAY	00kS900000079M1IAI	AccountPlan		01bb6dd8-8c89-44ca-bfde-779d16686cf9	owned
006S90000079FIVIA2	001S90000079INIIA2	Account		c5210925-0b4e-43f0-ae2c-6c10cf967f20	owned
006S90000079FIVIA2	006S90000079FIVIA2	Contract		e62f450e-050b-49b9-8f25-2c0843a67952	owned
006S90000079FIVIA2	006S90000079FIVIA2	Commitment		7d15da2a-4a4e-4bbf-bd9a-a391fdc491c1	owned
006S90000079FIVIA2	00kS900000079F1IAI	Plan		ebb7eb46-faf9-449b-96fb-1e821ad10be6	owned
006S90000079FIVIA2	00kS900000079F2IAI	Plan		fb66bd39-bbce-434b-aa5c-9bf02e250334	owned
006S90000079FIVIA2	00kS900000079F3IAI	Plan		31dcc7d3-8203-432b-ba1d-b15d98d9c934	owned
006S90000079FIVIA2	00kS900000079F4IAI	Plan		8b54fef5-5019-4d9d-9382-b6be59d5b193	owned
006S90000079FIVIA2	00kS900000079F5IAI	Plan		cd316320-a228-4b69-a844-75f6e87bc8ad	owned
006S90000079FIVIA2	00kS900000079F1IAI	Pricing		b6f9819e-e92f-4390-83bd-667ed65bf4e6	owned
006S90000079FIVIA2	00kS900000079F2IAI	Pricing		f40fe594-660a-4f1c-acec-623b01056c3e	owned
006S90000079FIVIA2	00kS900000079F3IAI	Pricing		0d6d9e56-45c7-4291-bf39-be0ad5df0ee8	owned
006S90000079FIVIA2	00kS900000079F4IAI	Pricing		c97157a6-7afc-45d4-ba1f-3118dd2950a0	owned
006S90000079FIVIA2	00kS900000079F5IAI	Pricing		5ed3bfb7-9686-48f9-85ba-b1d0d1955656	owned
006S90000079FIVIA2	00kS900000079F1IAI	AccountPlan		1eb586e8-f8e3-4de7-8589-f9663d45da88	owned
006S90000079FIVIA2	00kS900000079F2IAI	AccountPlan		5e6fc447-f752-45d5-a6d4-8c9fbbdc8779	owned
006S90000079FIVIA2	00kS900000079F3IAI	AccountPlan		d969cb16-7aa9-4911-af96-fd2f6984a8a9	owned
006S90000079FIVIA2	00kS900000079F4IAI	AccountPlan		358c47e3-dc9d-4e12-bb73-cffd8746a1dc	owned
006S90000079FIVIA2	00kS900000079F5IAI	AccountPlan		ed32e9ce-d613-44bc-9e4c-114812adfad7	owned
801S90000079ORDIA2	001S90000079HOOIA2	Account		0f39efd7-d2bf-4bc4-b78a-5f064b6e62d2	owned
801S90000079ORDIA2	801S90000079ORDIA2	Contract		6dc19264-de81-4471-8a9c-75ea505f90a0	owned
801S90000079ORDIA2	801S90000079ORDIA2	Commitment		b9f36967-ae78-4a76-8b59-a5e64fce365c	owned
801S90000079ORDIA2	802S90000079OI1IAM	Plan		03c37279-ef2d-45e5-8e2d-ea32c037ca61	owned
801S90000079ORDIA2	802S90000079OI2IAM	Plan		7ceb092d-8498-41e6-a9ca-b3b767c1251f	owned
801S90000079ORDIA2	802S90000079OI1IAM	Pricing		bcb9862c-2fa8-4f67-aac2-fc0a84413f24	owned
801S90000079ORDIA2	802S90000079OI2IAM	Pricing		25820642-e8fc-4300-909a-88d917b5c825	owned
801S90000079ORDIA2	802S90000079OI1IAM	AccountPlan		5e31522a-e746-4057-b97f-21f537071b5e	owned
801S90000079ORDIA2	802S90000079OI2IAM	AccountPlan		1408dc0a-8331-453d-92d1-5234d2743202	owned
800S90000079CONIA2	001S90000079UMBIA2	Account		2f67a4a6-2a0e-4900-ac4b-455af15d7178	owned
800S90000079CONIA2	800S90000079CONIA2	Contract		19060e5f-9ea6-484e-89bf-0993e09ec208	owned
800S90000079CONIA2	800S90000079CONIA2	Commitment		a036fe98-9cb2-4093-8b42-ea453c201ffa	owned
800S90000079CONIA2	a0SS90000079SU1MAM	Plan		16e28bb2-4884-4937-87b8-c1a83d281626	owned
800S90000079CONIA2	a0SS90000079SU2MAM	Plan		2892b8bc-6f4f-4a7d-80af-97ff37171710	owned
800S90000079CONIA2	a0SS90000079SU3MAM	Plan		7d275ddd-82fd-43fc-9420-4e219211c817	owned
800S90000079CONIA2	a0SS90000079SU1MAM	Pricing		44225ff3-d743-41dc-b18f-948f852eca22	owned
800S90000079CONIA2	a0SS90000079SU2MAM	Pricing		d848e6bf-86c3-4852-8847-e2d1e993e41d	owned
800S90000079CONIA2	a0SS90000079SU3MAM	Pricing		4f2520e6-1022-4ae0-865f-3239b19b0511	owned
800S90000079CONIA2	a0SS90000079SU1MAM	AccountPlan		78425ae6-b481-43d9-ae72-0153afbded50	owned
800S90000079CONIA2	a0SS90000079SU2MAM	AccountPlan		7993006c-6fbd-450b-b96e-5c9aa714b724	owned
800S90000079CONIA2	a0SS90000079SU3MAM	AccountPlan		b4c97816-7d60-4e65-bdae-77d629b89a8f	owned
a0QS90000079QUOMA2	001S90000079WAYIA2	Account		c56e098d-4488-46f5-a213-51579570b717	owned
a0QS90000079QUOMA2	a0QS90000079QUOMA2	Contract		e1e861c3-b517-4de0-8b1f-518361fb237c	owned
a0QS90000079QUOMA2	a0LS90000079QL1MAM	Plan		0db576f0-2145-491c-9f4f-4728d6a48957	owned
a0QS90000079QUOMA2	a0LS90000079QL2MAM	Plan		f50eff94-fbec-4821-b7db-b478c9edc03f	owned
a0QS90000079QUOMA2	a0LS90000079QL1MAM	Pricing		1679f9e7-ffa5-46aa-8fd2-1ab9fca53f44	owned
a0QS90000079QUOMA2	a0LS90000079QL2MAM	Pricing		42daebeb-75db-4bf2-97e2-4329c40cb643	owned
a0QS90000079QUOMA2	a0LS90000079QL1MAM	AccountPlan		cd76cc45-079c-4e77-9ab4-db2180972d6c	owned
a0QS90000079QUOMA2	a0LS90000079QL2MAM	AccountPlan		70762838-dfd4-4964-a36f-8134ff7718a2	owned
006SB0000000002YAA	001SB0000000001YAA	Account		a11e802c-0501-48cf-98f3-54a57e0ef345	owned
006SB0000000002YAA	006SB0000000002YAA	Contract		df1189f4-a7a9-4806-be7f-569cec8b5f20	owned
006SB0000000002YAA	006SB0000000002YAA	Commitment		40e75eda-1285-4d45-b2a7-803435c47114	owned
006SB0000000002YAA	00kSB0000000003YAA	Plan		0cd545f1-62c6-4e9d-8db5-4cc0f69bcd0c	owned
006SB0000000002YAA	00kSB0000000003YAA	Pricing		640be668-cec5-48cd-ab1d-5c58f913b5c0	owned
006SB0000000002YAA	00kSB0000000003YAA	AccountPlan		b123d402-4fe7-4507-aad7-9f72813eb186	owned
001SB0000000001YAA	001SB0000000001YAA	Account		a11e802c-0501-48cf-98f3-54a57e0ef345	owned
006SB0000000005YAA	001SB0000000004YAA	Account		a888498e-6ede-4934-8708-1fafcef812b7	owned
006SB0000000005YAA	006SB0000000005YAA	Contract		176f700f-5f8d-49da-9016-ee6780452ad9	owned
006SB0000000005YAA	006SB0000000005YAA	Commitment		ca233a7d-e20f-43bf-8a9b-1781298fd05b	owned
006SB0000000005YAA	00kSB0000000006YAA	Plan		107ced37-20dc-43b1-843d-4451f3dcda85	owned
006SB0000000005YAA	00kSB0000000007YAA	Plan		2a8c13ee-55d4-4406-a83c-4b1bffe1e1b7	owned
006SB0000000005YAA	00kSB0000000006YAA	Pricing		b0bbaecf-80f6-45d9-b1c1-250012fcdb21	owned
006SB0000000005YAA	00kSB0000000007YAA	Pricing		32464c12-e440-462c-a869-6fc99bb1ac67	owned
006SB0000000005YAA	00kSB0000000006YAA	AccountPlan		64d2982a-e1f3-4004-a6a8-e316daaca873	owned
006SB0000000005YAA	00kSB0000000007YAA	AccountPlan		b86379a6-83aa-44b6-b515-c1df9853295f	owned
801SB0000000116YAA	001SB0000000115YAA	Account		09de8f09-e3b1-4f2b-95f1-0c2e208ae40b	owned
801SB0000000116YAA	801SB0000000116YAA	Contract		b605e512-a9c1-49ac-aca9-8d1095cf470c	owned
801SB0000000116YAA	801SB0000000116YAA	Commitment		12e64d80-3c86-41f0-8991-a0db45f986bc	owned
801SB0000000116YAA	802SB0000000117YAA	Plan		85ee302d-d845-4495-95a8-8718be2aeba4	owned
801SB0000000116YAA	802SB0000000118YAA	Plan		351e839d-2c99-416e-a58e-677749ffd09c	owned
801SB0000000116YAA	802SB0000000117YAA	Pricing		87ca687e-173a-4878-916f-f9a646980177	owned
801SB0000000116YAA	802SB0000000118YAA	Pricing		0b971f4c-3c07-43a0-a7e7-243d953bb3e7	owned
801SB0000000116YAA	802SB0000000117YAA	AccountPlan		bc6bc5ef-75a7-4815-96f3-c0a8979fc710	owned
801SB0000000116YAA	802SB0000000118YAA	AccountPlan		e225edf0-9d68-40ab-81d3-833787442b75	owned
800SB0000000136YAA	001SB0000000135YAA	Account		76b5496e-66d1-47f6-88f4-50e59a506807	owned
800SB0000000136YAA	800SB0000000136YAA	Contract		7687be62-0004-42c6-88e9-011503322194	owned
800SB0000000136YAA	a0SSB00000001372AA	Plan		867d1553-071e-4e7d-8904-fd053fe97f08	owned
800SB0000000136YAA	a0SSB00000001372AA	Pricing		2cff6f34-0d59-4705-8d4e-5addeb9c8b60	owned
800SB0000000136YAA	a0SSB00000001372AA	AccountPlan		9dbc9751-2374-48b5-a8a7-0c7096dd3311	owned
a0QSB00000001512AA	001SB0000000150YAA	Account		b7efca13-2a6e-4969-893b-9baa7ee54df3	owned
a0QSB00000001512AA	a0QSB00000001512AA	Contract		401f3359-4a89-4189-b324-980861c13715	owned
a0QSB00000001512AA	a0LSB00000001522AA	Plan		c23ce947-b6b9-4365-a572-df060fd2f500	owned
a0QSB00000001512AA	a0LSB00000001522AA	Pricing		51334810-5fb5-429f-8d47-5ede533e978e	owned
a0QSB00000001512AA	a0LSB00000001522AA	AccountPlan		ead6a390-988f-4689-b912-e09793962f26	owned
\.


--
-- Data for Name: replicas; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.replicas (id, seen_at_ms) FROM stdin;
\.


--
-- Data for Name: run_joiners; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.run_joiners (run_id, name) FROM stdin;
\.


--
-- Data for Name: run_object_results; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.run_object_results (run_id, "position", result, fence) FROM stdin;
01a22417-6360-76ab-878a-00e231a70c85	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: 7eb2c0a3-1e7e-43e4-b4c4-35d8b111f50d","salesforceId":"001S900000RzsIUIAZ","action":"unchanged","m3terId":"7eb2c0a3-1e7e-43e4-b4c4-35d8b111f50d","warnings":[]}	1
01a22417-6360-76ab-878a-00e231a70c85	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: b56fcb2f-d2ba-4cf2-8600-c4236cce4269","salesforceId":"006S900000795MMIAY","action":"unchanged","m3terId":"b56fcb2f-d2ba-4cf2-8600-c4236cce4269","warnings":[]}	1
01a22417-6360-76ab-878a-00e231a70c85	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 25105b30-0d6e-4c7c-b596-0b81e08ccbdf","salesforceId":"006S900000795MMIAY","action":"unchanged","m3terId":"25105b30-0d6e-4c7c-b596-0b81e08ccbdf","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-6360-76ab-878a-00e231a70c85	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 06078371-add8-45bf-bd69-a95e5531f7ec","salesforceId":"00kS900000079M1IAI","action":"unchanged","m3terId":"06078371-add8-45bf-bd69-a95e5531f7ec","warnings":[]}	1
01a22417-6360-76ab-878a-00e231a70c85	4	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 14e95b32-4603-4e19-a490-05642c891c91","salesforceId":"00kS900000079M1IAI","action":"unchanged","m3terId":"14e95b32-4603-4e19-a490-05642c891c91","warnings":[]}	1
01a22417-6360-76ab-878a-00e231a70c85	5	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 01bb6dd8-8c89-44ca-bfde-779d16686cf9","salesforceId":"00kS900000079M1IAI","action":"unchanged","m3terId":"01bb6dd8-8c89-44ca-bfde-779d16686cf9","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: c5210925-0b4e-43f0-ae2c-6c10cf967f20","salesforceId":"001S90000079INIIA2","action":"unchanged","m3terId":"c5210925-0b4e-43f0-ae2c-6c10cf967f20","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: e62f450e-050b-49b9-8f25-2c0843a67952","salesforceId":"006S90000079FIVIA2","action":"unchanged","m3terId":"e62f450e-050b-49b9-8f25-2c0843a67952","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 7d15da2a-4a4e-4bbf-bd9a-a391fdc491c1","salesforceId":"006S90000079FIVIA2","action":"unchanged","m3terId":"7d15da2a-4a4e-4bbf-bd9a-a391fdc491c1","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-63d2-7585-8557-c81f3810087e	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: ebb7eb46-faf9-449b-96fb-1e821ad10be6","salesforceId":"00kS900000079F1IAI","action":"unchanged","m3terId":"ebb7eb46-faf9-449b-96fb-1e821ad10be6","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	4	{"objectName":"Plan","success":true,"message":"m3ter Identifier: fb66bd39-bbce-434b-aa5c-9bf02e250334","salesforceId":"00kS900000079F2IAI","action":"unchanged","m3terId":"fb66bd39-bbce-434b-aa5c-9bf02e250334","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	5	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 31dcc7d3-8203-432b-ba1d-b15d98d9c934","salesforceId":"00kS900000079F3IAI","action":"unchanged","m3terId":"31dcc7d3-8203-432b-ba1d-b15d98d9c934","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	6	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 8b54fef5-5019-4d9d-9382-b6be59d5b193","salesforceId":"00kS900000079F4IAI","action":"unchanged","m3terId":"8b54fef5-5019-4d9d-9382-b6be59d5b193","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	7	{"objectName":"Plan","success":true,"message":"m3ter Identifier: cd316320-a228-4b69-a844-75f6e87bc8ad","salesforceId":"00kS900000079F5IAI","action":"unchanged","m3terId":"cd316320-a228-4b69-a844-75f6e87bc8ad","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	8	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: b6f9819e-e92f-4390-83bd-667ed65bf4e6","salesforceId":"00kS900000079F1IAI","action":"unchanged","m3terId":"b6f9819e-e92f-4390-83bd-667ed65bf4e6","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	9	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: f40fe594-660a-4f1c-acec-623b01056c3e","salesforceId":"00kS900000079F2IAI","action":"unchanged","m3terId":"f40fe594-660a-4f1c-acec-623b01056c3e","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	10	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 0d6d9e56-45c7-4291-bf39-be0ad5df0ee8","salesforceId":"00kS900000079F3IAI","action":"unchanged","m3terId":"0d6d9e56-45c7-4291-bf39-be0ad5df0ee8","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	11	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: c97157a6-7afc-45d4-ba1f-3118dd2950a0","salesforceId":"00kS900000079F4IAI","action":"unchanged","m3terId":"c97157a6-7afc-45d4-ba1f-3118dd2950a0","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	12	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 5ed3bfb7-9686-48f9-85ba-b1d0d1955656","salesforceId":"00kS900000079F5IAI","action":"unchanged","m3terId":"5ed3bfb7-9686-48f9-85ba-b1d0d1955656","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	13	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 1eb586e8-f8e3-4de7-8589-f9663d45da88","salesforceId":"00kS900000079F1IAI","action":"unchanged","m3terId":"1eb586e8-f8e3-4de7-8589-f9663d45da88","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	14	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 5e6fc447-f752-45d5-a6d4-8c9fbbdc8779","salesforceId":"00kS900000079F2IAI","action":"unchanged","m3terId":"5e6fc447-f752-45d5-a6d4-8c9fbbdc8779","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	15	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: d969cb16-7aa9-4911-af96-fd2f6984a8a9","salesforceId":"00kS900000079F3IAI","action":"unchanged","m3terId":"d969cb16-7aa9-4911-af96-fd2f6984a8a9","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	16	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 358c47e3-dc9d-4e12-bb73-cffd8746a1dc","salesforceId":"00kS900000079F4IAI","action":"unchanged","m3terId":"358c47e3-dc9d-4e12-bb73-cffd8746a1dc","warnings":[]}	1
01a22417-63d2-7585-8557-c81f3810087e	17	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: ed32e9ce-d613-44bc-9e4c-114812adfad7","salesforceId":"00kS900000079F5IAI","action":"unchanged","m3terId":"ed32e9ce-d613-44bc-9e4c-114812adfad7","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: 0f39efd7-d2bf-4bc4-b78a-5f064b6e62d2","salesforceId":"001S90000079HOOIA2","action":"unchanged","m3terId":"0f39efd7-d2bf-4bc4-b78a-5f064b6e62d2","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: 6dc19264-de81-4471-8a9c-75ea505f90a0","salesforceId":"801S90000079ORDIA2","action":"unchanged","m3terId":"6dc19264-de81-4471-8a9c-75ea505f90a0","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: b9f36967-ae78-4a76-8b59-a5e64fce365c","salesforceId":"801S90000079ORDIA2","action":"unchanged","m3terId":"b9f36967-ae78-4a76-8b59-a5e64fce365c","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 03c37279-ef2d-45e5-8e2d-ea32c037ca61","salesforceId":"802S90000079OI1IAM","action":"unchanged","m3terId":"03c37279-ef2d-45e5-8e2d-ea32c037ca61","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	4	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 7ceb092d-8498-41e6-a9ca-b3b767c1251f","salesforceId":"802S90000079OI2IAM","action":"unchanged","m3terId":"7ceb092d-8498-41e6-a9ca-b3b767c1251f","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	5	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: bcb9862c-2fa8-4f67-aac2-fc0a84413f24","salesforceId":"802S90000079OI1IAM","action":"unchanged","m3terId":"bcb9862c-2fa8-4f67-aac2-fc0a84413f24","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	6	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 25820642-e8fc-4300-909a-88d917b5c825","salesforceId":"802S90000079OI2IAM","action":"unchanged","m3terId":"25820642-e8fc-4300-909a-88d917b5c825","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	7	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 5e31522a-e746-4057-b97f-21f537071b5e","salesforceId":"802S90000079OI1IAM","action":"unchanged","m3terId":"5e31522a-e746-4057-b97f-21f537071b5e","warnings":[]}	1
01a22417-64ba-713e-a0fe-f5db4b9e43c4	8	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 1408dc0a-8331-453d-92d1-5234d2743202","salesforceId":"802S90000079OI2IAM","action":"unchanged","m3terId":"1408dc0a-8331-453d-92d1-5234d2743202","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: 2f67a4a6-2a0e-4900-ac4b-455af15d7178","salesforceId":"001S90000079UMBIA2","action":"unchanged","m3terId":"2f67a4a6-2a0e-4900-ac4b-455af15d7178","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: 19060e5f-9ea6-484e-89bf-0993e09ec208","salesforceId":"800S90000079CONIA2","action":"unchanged","m3terId":"19060e5f-9ea6-484e-89bf-0993e09ec208","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: a036fe98-9cb2-4093-8b42-ea453c201ffa","salesforceId":"800S90000079CONIA2","action":"unchanged","m3terId":"a036fe98-9cb2-4093-8b42-ea453c201ffa","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-659e-7012-ad62-89f4258e4a67	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 16e28bb2-4884-4937-87b8-c1a83d281626","salesforceId":"a0SS90000079SU1MAM","action":"unchanged","m3terId":"16e28bb2-4884-4937-87b8-c1a83d281626","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	4	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 2892b8bc-6f4f-4a7d-80af-97ff37171710","salesforceId":"a0SS90000079SU2MAM","action":"unchanged","m3terId":"2892b8bc-6f4f-4a7d-80af-97ff37171710","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	5	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 7d275ddd-82fd-43fc-9420-4e219211c817","salesforceId":"a0SS90000079SU3MAM","action":"unchanged","m3terId":"7d275ddd-82fd-43fc-9420-4e219211c817","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	6	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 44225ff3-d743-41dc-b18f-948f852eca22","salesforceId":"a0SS90000079SU1MAM","action":"unchanged","m3terId":"44225ff3-d743-41dc-b18f-948f852eca22","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	7	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: d848e6bf-86c3-4852-8847-e2d1e993e41d","salesforceId":"a0SS90000079SU2MAM","action":"unchanged","m3terId":"d848e6bf-86c3-4852-8847-e2d1e993e41d","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	8	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 4f2520e6-1022-4ae0-865f-3239b19b0511","salesforceId":"a0SS90000079SU3MAM","action":"unchanged","m3terId":"4f2520e6-1022-4ae0-865f-3239b19b0511","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]}	1
01a22417-659e-7012-ad62-89f4258e4a67	9	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 78425ae6-b481-43d9-ae72-0153afbded50","salesforceId":"a0SS90000079SU1MAM","action":"unchanged","m3terId":"78425ae6-b481-43d9-ae72-0153afbded50","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	10	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 7993006c-6fbd-450b-b96e-5c9aa714b724","salesforceId":"a0SS90000079SU2MAM","action":"unchanged","m3terId":"7993006c-6fbd-450b-b96e-5c9aa714b724","warnings":[]}	1
01a22417-659e-7012-ad62-89f4258e4a67	11	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: b4c97816-7d60-4e65-bdae-77d629b89a8f","salesforceId":"a0SS90000079SU3MAM","action":"unchanged","m3terId":"b4c97816-7d60-4e65-bdae-77d629b89a8f","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: c56e098d-4488-46f5-a213-51579570b717","salesforceId":"001S90000079WAYIA2","action":"unchanged","m3terId":"c56e098d-4488-46f5-a213-51579570b717","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: e1e861c3-b517-4de0-8b1f-518361fb237c","salesforceId":"a0QS90000079QUOMA2","action":"unchanged","m3terId":"e1e861c3-b517-4de0-8b1f-518361fb237c","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	2	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 0db576f0-2145-491c-9f4f-4728d6a48957","salesforceId":"a0LS90000079QL1MAM","action":"unchanged","m3terId":"0db576f0-2145-491c-9f4f-4728d6a48957","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: f50eff94-fbec-4821-b7db-b478c9edc03f","salesforceId":"a0LS90000079QL2MAM","action":"unchanged","m3terId":"f50eff94-fbec-4821-b7db-b478c9edc03f","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	4	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 1679f9e7-ffa5-46aa-8fd2-1ab9fca53f44","salesforceId":"a0LS90000079QL1MAM","action":"unchanged","m3terId":"1679f9e7-ffa5-46aa-8fd2-1ab9fca53f44","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	5	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 42daebeb-75db-4bf2-97e2-4329c40cb643","salesforceId":"a0LS90000079QL2MAM","action":"unchanged","m3terId":"42daebeb-75db-4bf2-97e2-4329c40cb643","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	6	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: cd76cc45-079c-4e77-9ab4-db2180972d6c","salesforceId":"a0LS90000079QL1MAM","action":"unchanged","m3terId":"cd76cc45-079c-4e77-9ab4-db2180972d6c","warnings":[]}	1
01a22417-6781-70b4-bb4b-6d3591665af7	7	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 70762838-dfd4-4964-a36f-8134ff7718a2","salesforceId":"a0LS90000079QL2MAM","action":"unchanged","m3terId":"70762838-dfd4-4964-a36f-8134ff7718a2","warnings":[]}	1
01a22417-67d2-70f3-956e-b6da746071cc	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: a11e802c-0501-48cf-98f3-54a57e0ef345","salesforceId":"001SB0000000001YAA","action":"unchanged","m3terId":"a11e802c-0501-48cf-98f3-54a57e0ef345","warnings":[]}	1
01a22417-67d2-70f3-956e-b6da746071cc	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: df1189f4-a7a9-4806-be7f-569cec8b5f20","salesforceId":"006SB0000000002YAA","action":"unchanged","m3terId":"df1189f4-a7a9-4806-be7f-569cec8b5f20","warnings":[]}	1
01a22417-67d2-70f3-956e-b6da746071cc	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 40e75eda-1285-4d45-b2a7-803435c47114","salesforceId":"006SB0000000002YAA","action":"unchanged","m3terId":"40e75eda-1285-4d45-b2a7-803435c47114","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-67d2-70f3-956e-b6da746071cc	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 0cd545f1-62c6-4e9d-8db5-4cc0f69bcd0c","salesforceId":"00kSB0000000003YAA","action":"unchanged","m3terId":"0cd545f1-62c6-4e9d-8db5-4cc0f69bcd0c","warnings":[]}	1
01a22417-67d2-70f3-956e-b6da746071cc	4	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 640be668-cec5-48cd-ab1d-5c58f913b5c0","salesforceId":"00kSB0000000003YAA","action":"unchanged","m3terId":"640be668-cec5-48cd-ab1d-5c58f913b5c0","warnings":[]}	1
01a22417-67d2-70f3-956e-b6da746071cc	5	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: b123d402-4fe7-4507-aad7-9f72813eb186","salesforceId":"00kSB0000000003YAA","action":"unchanged","m3terId":"b123d402-4fe7-4507-aad7-9f72813eb186","warnings":[]}	1
01a22417-6818-76a2-9023-aa0f6c908b2f	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: a11e802c-0501-48cf-98f3-54a57e0ef345","salesforceId":"001SB0000000001YAA","action":"unchanged","m3terId":"a11e802c-0501-48cf-98f3-54a57e0ef345","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: a888498e-6ede-4934-8708-1fafcef812b7","salesforceId":"001SB0000000004YAA","action":"unchanged","m3terId":"a888498e-6ede-4934-8708-1fafcef812b7","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: 176f700f-5f8d-49da-9016-ee6780452ad9","salesforceId":"006SB0000000005YAA","action":"unchanged","m3terId":"176f700f-5f8d-49da-9016-ee6780452ad9","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: ca233a7d-e20f-43bf-8a9b-1781298fd05b","salesforceId":"006SB0000000005YAA","action":"unchanged","m3terId":"ca233a7d-e20f-43bf-8a9b-1781298fd05b","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-6830-746b-9491-0cbad8502e32	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 107ced37-20dc-43b1-843d-4451f3dcda85","salesforceId":"00kSB0000000006YAA","action":"unchanged","m3terId":"107ced37-20dc-43b1-843d-4451f3dcda85","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	4	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 2a8c13ee-55d4-4406-a83c-4b1bffe1e1b7","salesforceId":"00kSB0000000007YAA","action":"unchanged","m3terId":"2a8c13ee-55d4-4406-a83c-4b1bffe1e1b7","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	5	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: b0bbaecf-80f6-45d9-b1c1-250012fcdb21","salesforceId":"00kSB0000000006YAA","action":"unchanged","m3terId":"b0bbaecf-80f6-45d9-b1c1-250012fcdb21","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	6	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 32464c12-e440-462c-a869-6fc99bb1ac67","salesforceId":"00kSB0000000007YAA","action":"unchanged","m3terId":"32464c12-e440-462c-a869-6fc99bb1ac67","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	7	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 64d2982a-e1f3-4004-a6a8-e316daaca873","salesforceId":"00kSB0000000006YAA","action":"unchanged","m3terId":"64d2982a-e1f3-4004-a6a8-e316daaca873","warnings":[]}	1
01a22417-6830-746b-9491-0cbad8502e32	8	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: b86379a6-83aa-44b6-b515-c1df9853295f","salesforceId":"00kSB0000000007YAA","action":"unchanged","m3terId":"b86379a6-83aa-44b6-b515-c1df9853295f","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: 09de8f09-e3b1-4f2b-95f1-0c2e208ae40b","salesforceId":"001SB0000000115YAA","action":"unchanged","m3terId":"09de8f09-e3b1-4f2b-95f1-0c2e208ae40b","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: b605e512-a9c1-49ac-aca9-8d1095cf470c","salesforceId":"801SB0000000116YAA","action":"unchanged","m3terId":"b605e512-a9c1-49ac-aca9-8d1095cf470c","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	2	{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 12e64d80-3c86-41f0-8991-a0db45f986bc","salesforceId":"801SB0000000116YAA","action":"unchanged","m3terId":"12e64d80-3c86-41f0-8991-a0db45f986bc","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]}	1
01a22417-6902-760b-8890-464034ee14c0	3	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 85ee302d-d845-4495-95a8-8718be2aeba4","salesforceId":"802SB0000000117YAA","action":"unchanged","m3terId":"85ee302d-d845-4495-95a8-8718be2aeba4","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	4	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 351e839d-2c99-416e-a58e-677749ffd09c","salesforceId":"802SB0000000118YAA","action":"unchanged","m3terId":"351e839d-2c99-416e-a58e-677749ffd09c","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	5	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 87ca687e-173a-4878-916f-f9a646980177","salesforceId":"802SB0000000117YAA","action":"unchanged","m3terId":"87ca687e-173a-4878-916f-f9a646980177","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	6	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 0b971f4c-3c07-43a0-a7e7-243d953bb3e7","salesforceId":"802SB0000000118YAA","action":"unchanged","m3terId":"0b971f4c-3c07-43a0-a7e7-243d953bb3e7","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	7	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: bc6bc5ef-75a7-4815-96f3-c0a8979fc710","salesforceId":"802SB0000000117YAA","action":"unchanged","m3terId":"bc6bc5ef-75a7-4815-96f3-c0a8979fc710","warnings":[]}	1
01a22417-6902-760b-8890-464034ee14c0	8	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: e225edf0-9d68-40ab-81d3-833787442b75","salesforceId":"802SB0000000118YAA","action":"unchanged","m3terId":"e225edf0-9d68-40ab-81d3-833787442b75","warnings":[]}	1
01a22417-69dd-757c-b222-e0abf78a58af	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: 76b5496e-66d1-47f6-88f4-50e59a506807","salesforceId":"001SB0000000135YAA","action":"unchanged","m3terId":"76b5496e-66d1-47f6-88f4-50e59a506807","warnings":[]}	1
01a22417-69dd-757c-b222-e0abf78a58af	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: 7687be62-0004-42c6-88e9-011503322194","salesforceId":"800SB0000000136YAA","action":"unchanged","m3terId":"7687be62-0004-42c6-88e9-011503322194","warnings":[]}	1
01a22417-69dd-757c-b222-e0abf78a58af	2	{"objectName":"Plan","success":true,"message":"m3ter Identifier: 867d1553-071e-4e7d-8904-fd053fe97f08","salesforceId":"a0SSB00000001372AA","action":"unchanged","m3terId":"867d1553-071e-4e7d-8904-fd053fe97f08","warnings":[]}	1
01a22417-69dd-757c-b222-e0abf78a58af	3	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 2cff6f34-0d59-4705-8d4e-5addeb9c8b60","salesforceId":"a0SSB00000001372AA","action":"unchanged","m3terId":"2cff6f34-0d59-4705-8d4e-5addeb9c8b60","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]}	1
01a22417-69dd-757c-b222-e0abf78a58af	4	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 9dbc9751-2374-48b5-a8a7-0c7096dd3311","salesforceId":"a0SSB00000001372AA","action":"unchanged","m3terId":"9dbc9751-2374-48b5-a8a7-0c7096dd3311","warnings":[]}	1
01a22417-6a74-777d-903f-9d1db695d5ad	0	{"objectName":"Account","success":true,"message":"m3ter Identifier: b7efca13-2a6e-4969-893b-9baa7ee54df3","salesforceId":"001SB0000000150YAA","action":"unchanged","m3terId":"b7efca13-2a6e-4969-893b-9baa7ee54df3","warnings":[]}	1
01a22417-6a74-777d-903f-9d1db695d5ad	1	{"objectName":"Contract","success":true,"message":"m3ter Identifier: 401f3359-4a89-4189-b324-980861c13715","salesforceId":"a0QSB00000001512AA","action":"unchanged","m3terId":"401f3359-4a89-4189-b324-980861c13715","warnings":[]}	1
01a22417-6a74-777d-903f-9d1db695d5ad	2	{"objectName":"Plan","success":true,"message":"m3ter Identifier: c23ce947-b6b9-4365-a572-df060fd2f500","salesforceId":"a0LSB00000001522AA","action":"unchanged","m3terId":"c23ce947-b6b9-4365-a572-df060fd2f500","warnings":[]}	1
01a22417-6a74-777d-903f-9d1db695d5ad	3	{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 51334810-5fb5-429f-8d47-5ede533e978e","salesforceId":"a0LSB00000001522AA","action":"unchanged","m3terId":"51334810-5fb5-429f-8d47-5ede533e978e","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]}	1
01a22417-6a74-777d-903f-9d1db695d5ad	4	{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: ead6a390-988f-4689-b912-e09793962f26","salesforceId":"a0LSB00000001522AA","action":"unchanged","m3terId":"ead6a390-988f-4689-b912-e09793962f26","warnings":[]}	1
\.


--
-- Data for Name: runs; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.runs (id, parent_record_id, dry_run, state, requested_at_ms, ended_at_ms, sync_status, error_code, result, started_at_ms, kind, parameters, owner, fence, lease_until_ms, takeovers, tries, callouts, next_try_at_ms, replay_of, requested_by, trace) FROM stdin;
01a22417-6360-76ab-878a-00e231a70c85	006S900000795MMIAY	0	ended	1795901842272	1795901842359	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"006S900000795MMIAY","syncRunId":"01a22417-6360-76ab-878a-00e231a70c85","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: 7eb2c0a3-1e7e-43e4-b4c4-35d8b111f50d","salesforceId":"001S900000RzsIUIAZ","action":"unchanged","m3terId":"7eb2c0a3-1e7e-43e4-b4c4-35d8b111f50d","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: b56fcb2f-d2ba-4cf2-8600-c4236cce4269","salesforceId":"006S900000795MMIAY","action":"unchanged","m3terId":"b56fcb2f-d2ba-4cf2-8600-c4236cce4269","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 25105b30-0d6e-4c7c-b596-0b81e08ccbdf","salesforceId":"006S900000795MMIAY","action":"unchanged","m3terId":"25105b30-0d6e-4c7c-b596-0b81e08ccbdf","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 06078371-add8-45bf-bd69-a95e5531f7ec","salesforceId":"00kS900000079M1IAI","action":"unchanged","m3terId":"06078371-add8-45bf-bd69-a95e5531f7ec","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 14e95b32-4603-4e19-a490-05642c891c91","salesforceId":"00kS900000079M1IAI","action":"unchanged","m3terId":"14e95b32-4603-4e19-a490-05642c891c91","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 01bb6dd8-8c89-44ca-bfde-779d16686cf9","salesforceId":"00kS900000079M1IAI","action":"unchanged","m3terId":"01bb6dd8-8c89-44ca-bfde-779d16686cf9","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: 7eb2c0a3-1e7e-43e4-b4c4-35d8b111f50d, Salesforce ID: 001S900000RzsIUIAZ\\nObject: Contract, Success: true, Message: m3ter Identifier: b56fcb2f-d2ba-4cf2-8600-c4236cce4269, Salesforce ID: 006S900000795MMIAY\\nObject: Commitment, Success: true, Message: m3ter Identifier: 25105b30-0d6e-4c7c-b596-0b81e08ccbdf, Salesforce ID: 006S900000795MMIAY\\nObject: Plan, Success: true, Message: m3ter Identifier: 06078371-add8-45bf-bd69-a95e5531f7ec, Salesforce ID: 00kS900000079M1IAI\\nObject: Pricing, Success: true, Message: m3ter Identifier: 14e95b32-4603-4e19-a490-05642c891c91, Salesforce ID: 00kS900000079M1IAI\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 01bb6dd8-8c89-44ca-bfde-779d16686cf9, Salesforce ID: 00kS900000079M1IAI","warnings":[]}	1795901842272	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:22.272273377Z","endedAt":"2026-11-28T21:37:22.359621225Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.293916938Z","elapsedMs":29},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.334455811Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListAggregations","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.334355221Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.334469021Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.351305723Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.351226314Z","elapsedMs":4},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.351324751Z","elapsedMs":3},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.355702451Z","elapsedMs":0}]	\N	\N	local	00-7d197db202568a784b40a6ed2cdca272-875a4b40e92bac06-00
01a22417-63d2-7585-8557-c81f3810087e	006S90000079FIVIA2	0	ended	1795901842386	1795901842577	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"006S90000079FIVIA2","syncRunId":"01a22417-63d2-7585-8557-c81f3810087e","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: c5210925-0b4e-43f0-ae2c-6c10cf967f20","salesforceId":"001S90000079INIIA2","action":"unchanged","m3terId":"c5210925-0b4e-43f0-ae2c-6c10cf967f20","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: e62f450e-050b-49b9-8f25-2c0843a67952","salesforceId":"006S90000079FIVIA2","action":"unchanged","m3terId":"e62f450e-050b-49b9-8f25-2c0843a67952","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 7d15da2a-4a4e-4bbf-bd9a-a391fdc491c1","salesforceId":"006S90000079FIVIA2","action":"unchanged","m3terId":"7d15da2a-4a4e-4bbf-bd9a-a391fdc491c1","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: ebb7eb46-faf9-449b-96fb-1e821ad10be6","salesforceId":"00kS900000079F1IAI","action":"unchanged","m3terId":"ebb7eb46-faf9-449b-96fb-1e821ad10be6","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: fb66bd39-bbce-434b-aa5c-9bf02e250334","salesforceId":"00kS900000079F2IAI","action":"unchanged","m3terId":"fb66bd39-bbce-434b-aa5c-9bf02e250334","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 31dcc7d3-8203-432b-ba1d-b15d98d9c934","salesforceId":"00kS900000079F3IAI","action":"unchanged","m3terId":"31dcc7d3-8203-432b-ba1d-b15d98d9c934","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 8b54fef5-5019-4d9d-9382-b6be59d5b193","salesforceId":"00kS900000079F4IAI","action":"unchanged","m3terId":"8b54fef5-5019-4d9d-9382-b6be59d5b193","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: cd316320-a228-4b69-a844-75f6e87bc8ad","salesforceId":"00kS900000079F5IAI","action":"unchanged","m3terId":"cd316320-a228-4b69-a844-75f6e87bc8ad","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: b6f9819e-e92f-4390-83bd-667ed65bf4e6","salesforceId":"00kS900000079F1IAI","action":"unchanged","m3terId":"b6f9819e-e92f-4390-83bd-667ed65bf4e6","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: f40fe594-660a-4f1c-acec-623b01056c3e","salesforceId":"00kS900000079F2IAI","action":"unchanged","m3terId":"f40fe594-660a-4f1c-acec-623b01056c3e","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 0d6d9e56-45c7-4291-bf39-be0ad5df0ee8","salesforceId":"00kS900000079F3IAI","action":"unchanged","m3terId":"0d6d9e56-45c7-4291-bf39-be0ad5df0ee8","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: c97157a6-7afc-45d4-ba1f-3118dd2950a0","salesforceId":"00kS900000079F4IAI","action":"unchanged","m3terId":"c97157a6-7afc-45d4-ba1f-3118dd2950a0","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 5ed3bfb7-9686-48f9-85ba-b1d0d1955656","salesforceId":"00kS900000079F5IAI","action":"unchanged","m3terId":"5ed3bfb7-9686-48f9-85ba-b1d0d1955656","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 1eb586e8-f8e3-4de7-8589-f9663d45da88","salesforceId":"00kS900000079F1IAI","action":"unchanged","m3terId":"1eb586e8-f8e3-4de7-8589-f9663d45da88","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 5e6fc447-f752-45d5-a6d4-8c9fbbdc8779","salesforceId":"00kS900000079F2IAI","action":"unchanged","m3terId":"5e6fc447-f752-45d5-a6d4-8c9fbbdc8779","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: d969cb16-7aa9-4911-af96-fd2f6984a8a9","salesforceId":"00kS900000079F3IAI","action":"unchanged","m3terId":"d969cb16-7aa9-4911-af96-fd2f6984a8a9","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 358c47e3-dc9d-4e12-bb73-cffd8746a1dc","salesforceId":"00kS900000079F4IAI","action":"unchanged","m3terId":"358c47e3-dc9d-4e12-bb73-cffd8746a1dc","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: ed32e9ce-d613-44bc-9e4c-114812adfad7","salesforceId":"00kS900000079F5IAI","action":"unchanged","m3terId":"ed32e9ce-d613-44bc-9e4c-114812adfad7","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: c5210925-0b4e-43f0-ae2c-6c10cf967f20, Salesforce ID: 001S90000079INIIA2\\nObject: Contract, Success: true, Message: m3ter Identifier: e62f450e-050b-49b9-8f25-2c0843a67952, Salesforce ID: 006S90000079FIVIA2\\nObject: Commitment, Success: true, Message: m3ter Identifier: 7d15da2a-4a4e-4bbf-bd9a-a391fdc491c1, Salesforce ID: 006S90000079FIVIA2\\nObject: Plan, Success: true, Message: m3ter Identifier: ebb7eb46-faf9-449b-96fb-1e821ad10be6, Salesforce ID: 00kS900000079F1IAI\\nObject: Plan, Success: true, Message: m3ter Identifier: fb66bd39-bbce-434b-aa5c-9bf02e250334, Salesforce ID: 00kS900000079F2IAI\\nObject: Plan, Success: true, Message: m3ter Identifier: 31dcc7d3-8203-432b-ba1d-b15d98d9c934, Salesforce ID: 00kS900000079F3IAI\\nObject: Plan, Success: true, Message: m3ter Identifier: 8b54fef5-5019-4d9d-9382-b6be59d5b193, Salesforce ID: 00kS900000079F4IAI\\nObject: Plan, Success: true, Message: m3ter Identifier: cd316320-a228-4b69-a844-75f6e87bc8ad, Salesforce ID: 00kS900000079F5IAI\\nObject: Pricing, Success: true, Message: m3ter Identifier: b6f9819e-e92f-4390-83bd-667ed65bf4e6, Salesforce ID: 00kS900000079F1IAI\\nObject: Pricing, Success: true, Message: m3ter Identifier: f40fe594-660a-4f1c-acec-623b01056c3e, Salesforce ID: 00kS900000079F2IAI\\nObject: Pricing, Success: true, Message: m3ter Identifier: 0d6d9e56-45c7-4291-bf39-be0ad5df0ee8, Salesforce ID: 00kS900000079F3IAI\\nObject: Pricing, Success: true, Message: m3ter Identifier: c97157a6-7afc-45d4-ba1f-3118dd2950a0, Salesforce ID: 00kS900000079F4IAI\\nObject: Pricing, Success: true, Message: m3ter Identifier: 5ed3bfb7-9686-48f9-85ba-b1d0d1955656, Salesforce ID: 00kS900000079F5IAI\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 1eb586e8-f8e3-4de7-8589-f9663d45da88, Salesforce ID: 00kS900000079F1IAI\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 5e6fc447-f752-45d5-a6d4-8c9fbbdc8779, Salesforce ID: 00kS900000079F2IAI\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: d969cb16-7aa9-4911-af96-fd2f6984a8a9, Salesforce ID: 00kS900000079F3IAI\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 358c47e3-dc9d-4e12-bb73-cffd8746a1dc, Salesforce ID: 00kS900000079F4IAI\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: ed32e9ce-d613-44bc-9e4c-114812adfad7, Salesforce ID: 00kS900000079F5IAI","warnings":[]}	1795901842386	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:22.386372945Z","endedAt":"2026-11-28T21:37:22.577028436Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.398356228Z","elapsedMs":2},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.400721145Z","elapsedMs":8},{"vendor":"m3ter","operation":"ListAggregations","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.400667585Z","elapsedMs":8},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.400710169Z","elapsedMs":8},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.410705397Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.410659929Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.410720339Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.418673111Z","elapsedMs":39},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.418681473Z","elapsedMs":52},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.418683526Z","elapsedMs":85},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.418687232Z","elapsedMs":100},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.418690887Z","elapsedMs":124}]	\N	\N	local	00-52406fb160d2cd33072ec1cb15bc925b-9ee81c98753bb62d-00
01a22417-64ba-713e-a0fe-f5db4b9e43c4	801S90000079ORDIA2	0	ended	1795901842618	1795901842837	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"801S90000079ORDIA2","syncRunId":"01a22417-64ba-713e-a0fe-f5db4b9e43c4","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: 0f39efd7-d2bf-4bc4-b78a-5f064b6e62d2","salesforceId":"001S90000079HOOIA2","action":"unchanged","m3terId":"0f39efd7-d2bf-4bc4-b78a-5f064b6e62d2","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: 6dc19264-de81-4471-8a9c-75ea505f90a0","salesforceId":"801S90000079ORDIA2","action":"unchanged","m3terId":"6dc19264-de81-4471-8a9c-75ea505f90a0","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: b9f36967-ae78-4a76-8b59-a5e64fce365c","salesforceId":"801S90000079ORDIA2","action":"unchanged","m3terId":"b9f36967-ae78-4a76-8b59-a5e64fce365c","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 03c37279-ef2d-45e5-8e2d-ea32c037ca61","salesforceId":"802S90000079OI1IAM","action":"unchanged","m3terId":"03c37279-ef2d-45e5-8e2d-ea32c037ca61","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 7ceb092d-8498-41e6-a9ca-b3b767c1251f","salesforceId":"802S90000079OI2IAM","action":"unchanged","m3terId":"7ceb092d-8498-41e6-a9ca-b3b767c1251f","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: bcb9862c-2fa8-4f67-aac2-fc0a84413f24","salesforceId":"802S90000079OI1IAM","action":"unchanged","m3terId":"bcb9862c-2fa8-4f67-aac2-fc0a84413f24","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 25820642-e8fc-4300-909a-88d917b5c825","salesforceId":"802S90000079OI2IAM","action":"unchanged","m3terId":"25820642-e8fc-4300-909a-88d917b5c825","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 5e31522a-e746-4057-b97f-21f537071b5e","salesforceId":"802S90000079OI1IAM","action":"unchanged","m3terId":"5e31522a-e746-4057-b97f-21f537071b5e","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 1408dc0a-8331-453d-92d1-5234d2743202","salesforceId":"802S90000079OI2IAM","action":"unchanged","m3terId":"1408dc0a-8331-453d-92d1-5234d2743202","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: 0f39efd7-d2bf-4bc4-b78a-5f064b6e62d2, Salesforce ID: 001S90000079HOOIA2\\nObject: Contract, Success: true, Message: m3ter Identifier: 6dc19264-de81-4471-8a9c-75ea505f90a0, Salesforce ID: 801S90000079ORDIA2\\nObject: Commitment, Success: true, Message: m3ter Identifier: b9f36967-ae78-4a76-8b59-a5e64fce365c, Salesforce ID: 801S90000079ORDIA2\\nObject: Plan, Success: true, Message: m3ter Identifier: 03c37279-ef2d-45e5-8e2d-ea32c037ca61, Salesforce ID: 802S90000079OI1IAM\\nObject: Plan, Success: true, Message: m3ter Identifier: 7ceb092d-8498-41e6-a9ca-b3b767c1251f, Salesforce ID: 802S90000079OI2IAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: bcb9862c-2fa8-4f67-aac2-fc0a84413f24, Salesforce ID: 802S90000079OI1IAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: 25820642-e8fc-4300-909a-88d917b5c825, Salesforce ID: 802S90000079OI2IAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 5e31522a-e746-4057-b97f-21f537071b5e, Salesforce ID: 802S90000079OI1IAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 1408dc0a-8331-453d-92d1-5234d2743202, Salesforce ID: 802S90000079OI2IAM","warnings":[]}	1795901842618	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:22.618481873Z","endedAt":"2026-11-28T21:37:22.837747861Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.622925861Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.634394677Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.63431635Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.638263577Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.638223537Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.638280272Z","elapsedMs":26},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.665626318Z","elapsedMs":117},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.665635462Z","elapsedMs":135}]	\N	\N	local	00-803b95499f40347e0ef2d17419d33ae6-7f6a8ae12afbf554-00
01a22417-659e-7012-ad62-89f4258e4a67	800S90000079CONIA2	0	ended	1795901842846	1795901843326	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"800S90000079CONIA2","syncRunId":"01a22417-659e-7012-ad62-89f4258e4a67","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: 2f67a4a6-2a0e-4900-ac4b-455af15d7178","salesforceId":"001S90000079UMBIA2","action":"unchanged","m3terId":"2f67a4a6-2a0e-4900-ac4b-455af15d7178","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: 19060e5f-9ea6-484e-89bf-0993e09ec208","salesforceId":"800S90000079CONIA2","action":"unchanged","m3terId":"19060e5f-9ea6-484e-89bf-0993e09ec208","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: a036fe98-9cb2-4093-8b42-ea453c201ffa","salesforceId":"800S90000079CONIA2","action":"unchanged","m3terId":"a036fe98-9cb2-4093-8b42-ea453c201ffa","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 16e28bb2-4884-4937-87b8-c1a83d281626","salesforceId":"a0SS90000079SU1MAM","action":"unchanged","m3terId":"16e28bb2-4884-4937-87b8-c1a83d281626","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 2892b8bc-6f4f-4a7d-80af-97ff37171710","salesforceId":"a0SS90000079SU2MAM","action":"unchanged","m3terId":"2892b8bc-6f4f-4a7d-80af-97ff37171710","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 7d275ddd-82fd-43fc-9420-4e219211c817","salesforceId":"a0SS90000079SU3MAM","action":"unchanged","m3terId":"7d275ddd-82fd-43fc-9420-4e219211c817","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 44225ff3-d743-41dc-b18f-948f852eca22","salesforceId":"a0SS90000079SU1MAM","action":"unchanged","m3terId":"44225ff3-d743-41dc-b18f-948f852eca22","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: d848e6bf-86c3-4852-8847-e2d1e993e41d","salesforceId":"a0SS90000079SU2MAM","action":"unchanged","m3terId":"d848e6bf-86c3-4852-8847-e2d1e993e41d","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 4f2520e6-1022-4ae0-865f-3239b19b0511","salesforceId":"a0SS90000079SU3MAM","action":"unchanged","m3terId":"4f2520e6-1022-4ae0-865f-3239b19b0511","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 78425ae6-b481-43d9-ae72-0153afbded50","salesforceId":"a0SS90000079SU1MAM","action":"unchanged","m3terId":"78425ae6-b481-43d9-ae72-0153afbded50","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 7993006c-6fbd-450b-b96e-5c9aa714b724","salesforceId":"a0SS90000079SU2MAM","action":"unchanged","m3terId":"7993006c-6fbd-450b-b96e-5c9aa714b724","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: b4c97816-7d60-4e65-bdae-77d629b89a8f","salesforceId":"a0SS90000079SU3MAM","action":"unchanged","m3terId":"b4c97816-7d60-4e65-bdae-77d629b89a8f","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: 2f67a4a6-2a0e-4900-ac4b-455af15d7178, Salesforce ID: 001S90000079UMBIA2\\nObject: Contract, Success: true, Message: m3ter Identifier: 19060e5f-9ea6-484e-89bf-0993e09ec208, Salesforce ID: 800S90000079CONIA2\\nObject: Commitment, Success: true, Message: m3ter Identifier: a036fe98-9cb2-4093-8b42-ea453c201ffa, Salesforce ID: 800S90000079CONIA2\\nObject: Plan, Success: true, Message: m3ter Identifier: 16e28bb2-4884-4937-87b8-c1a83d281626, Salesforce ID: a0SS90000079SU1MAM\\nObject: Plan, Success: true, Message: m3ter Identifier: 2892b8bc-6f4f-4a7d-80af-97ff37171710, Salesforce ID: a0SS90000079SU2MAM\\nObject: Plan, Success: true, Message: m3ter Identifier: 7d275ddd-82fd-43fc-9420-4e219211c817, Salesforce ID: a0SS90000079SU3MAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: 44225ff3-d743-41dc-b18f-948f852eca22, Salesforce ID: a0SS90000079SU1MAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: d848e6bf-86c3-4852-8847-e2d1e993e41d, Salesforce ID: a0SS90000079SU2MAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: 4f2520e6-1022-4ae0-865f-3239b19b0511, Salesforce ID: a0SS90000079SU3MAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 78425ae6-b481-43d9-ae72-0153afbded50, Salesforce ID: a0SS90000079SU1MAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 7993006c-6fbd-450b-b96e-5c9aa714b724, Salesforce ID: a0SS90000079SU2MAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: b4c97816-7d60-4e65-bdae-77d629b89a8f, Salesforce ID: a0SS90000079SU3MAM","warnings":[]}	1795901842846	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:22.846603954Z","endedAt":"2026-11-28T21:37:23.326825751Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.847352551Z","elapsedMs":15},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.863857979Z","elapsedMs":93},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.86379843Z","elapsedMs":93},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.967246497Z","elapsedMs":4},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.967330112Z","elapsedMs":4},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.968335632Z","elapsedMs":6},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.978151592Z","elapsedMs":160},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.976713457Z","elapsedMs":161},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:22.976772034Z","elapsedMs":161}]	\N	\N	local	00-ac94bd847664688da51078f0f1c6770c-fe70e1bc1562f26d-00
01a22417-67d2-70f3-956e-b6da746071cc	006SB0000000002YAA	0	ended	1795901843410	1795901843474	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"006SB0000000002YAA","syncRunId":"01a22417-67d2-70f3-956e-b6da746071cc","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: a11e802c-0501-48cf-98f3-54a57e0ef345","salesforceId":"001SB0000000001YAA","action":"unchanged","m3terId":"a11e802c-0501-48cf-98f3-54a57e0ef345","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: df1189f4-a7a9-4806-be7f-569cec8b5f20","salesforceId":"006SB0000000002YAA","action":"unchanged","m3terId":"df1189f4-a7a9-4806-be7f-569cec8b5f20","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 40e75eda-1285-4d45-b2a7-803435c47114","salesforceId":"006SB0000000002YAA","action":"unchanged","m3terId":"40e75eda-1285-4d45-b2a7-803435c47114","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 0cd545f1-62c6-4e9d-8db5-4cc0f69bcd0c","salesforceId":"00kSB0000000003YAA","action":"unchanged","m3terId":"0cd545f1-62c6-4e9d-8db5-4cc0f69bcd0c","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 640be668-cec5-48cd-ab1d-5c58f913b5c0","salesforceId":"00kSB0000000003YAA","action":"unchanged","m3terId":"640be668-cec5-48cd-ab1d-5c58f913b5c0","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: b123d402-4fe7-4507-aad7-9f72813eb186","salesforceId":"00kSB0000000003YAA","action":"unchanged","m3terId":"b123d402-4fe7-4507-aad7-9f72813eb186","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: a11e802c-0501-48cf-98f3-54a57e0ef345, Salesforce ID: 001SB0000000001YAA\\nObject: Contract, Success: true, Message: m3ter Identifier: df1189f4-a7a9-4806-be7f-569cec8b5f20, Salesforce ID: 006SB0000000002YAA\\nObject: Commitment, Success: true, Message: m3ter Identifier: 40e75eda-1285-4d45-b2a7-803435c47114, Salesforce ID: 006SB0000000002YAA\\nObject: Plan, Success: true, Message: m3ter Identifier: 0cd545f1-62c6-4e9d-8db5-4cc0f69bcd0c, Salesforce ID: 00kSB0000000003YAA\\nObject: Pricing, Success: true, Message: m3ter Identifier: 640be668-cec5-48cd-ab1d-5c58f913b5c0, Salesforce ID: 00kSB0000000003YAA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: b123d402-4fe7-4507-aad7-9f72813eb186, Salesforce ID: 00kSB0000000003YAA","warnings":[]}	1795901843410	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:23.410303928Z","endedAt":"2026-11-28T21:37:23.474350332Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.418690586Z","elapsedMs":4},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.43063409Z","elapsedMs":3},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.430579979Z","elapsedMs":3},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.442621068Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.442678243Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.442699826Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.454245546Z","elapsedMs":0}]	\N	\N	local	00-c2b3ba950c88158617b02caa88c2e692-09b46f7f947a393c-00
01a22417-6781-70b4-bb4b-6d3591665af7	a0QS90000079QUOMA2	0	ended	1795901843329	1795901843404	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"a0QS90000079QUOMA2","syncRunId":"01a22417-6781-70b4-bb4b-6d3591665af7","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: c56e098d-4488-46f5-a213-51579570b717","salesforceId":"001S90000079WAYIA2","action":"unchanged","m3terId":"c56e098d-4488-46f5-a213-51579570b717","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: e1e861c3-b517-4de0-8b1f-518361fb237c","salesforceId":"a0QS90000079QUOMA2","action":"unchanged","m3terId":"e1e861c3-b517-4de0-8b1f-518361fb237c","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 0db576f0-2145-491c-9f4f-4728d6a48957","salesforceId":"a0LS90000079QL1MAM","action":"unchanged","m3terId":"0db576f0-2145-491c-9f4f-4728d6a48957","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: f50eff94-fbec-4821-b7db-b478c9edc03f","salesforceId":"a0LS90000079QL2MAM","action":"unchanged","m3terId":"f50eff94-fbec-4821-b7db-b478c9edc03f","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 1679f9e7-ffa5-46aa-8fd2-1ab9fca53f44","salesforceId":"a0LS90000079QL1MAM","action":"unchanged","m3terId":"1679f9e7-ffa5-46aa-8fd2-1ab9fca53f44","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 42daebeb-75db-4bf2-97e2-4329c40cb643","salesforceId":"a0LS90000079QL2MAM","action":"unchanged","m3terId":"42daebeb-75db-4bf2-97e2-4329c40cb643","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: cd76cc45-079c-4e77-9ab4-db2180972d6c","salesforceId":"a0LS90000079QL1MAM","action":"unchanged","m3terId":"cd76cc45-079c-4e77-9ab4-db2180972d6c","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 70762838-dfd4-4964-a36f-8134ff7718a2","salesforceId":"a0LS90000079QL2MAM","action":"unchanged","m3terId":"70762838-dfd4-4964-a36f-8134ff7718a2","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: c56e098d-4488-46f5-a213-51579570b717, Salesforce ID: 001S90000079WAYIA2\\nObject: Contract, Success: true, Message: m3ter Identifier: e1e861c3-b517-4de0-8b1f-518361fb237c, Salesforce ID: a0QS90000079QUOMA2\\nObject: Plan, Success: true, Message: m3ter Identifier: 0db576f0-2145-491c-9f4f-4728d6a48957, Salesforce ID: a0LS90000079QL1MAM\\nObject: Plan, Success: true, Message: m3ter Identifier: f50eff94-fbec-4821-b7db-b478c9edc03f, Salesforce ID: a0LS90000079QL2MAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: 1679f9e7-ffa5-46aa-8fd2-1ab9fca53f44, Salesforce ID: a0LS90000079QL1MAM\\nObject: Pricing, Success: true, Message: m3ter Identifier: 42daebeb-75db-4bf2-97e2-4329c40cb643, Salesforce ID: a0LS90000079QL2MAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: cd76cc45-079c-4e77-9ab4-db2180972d6c, Salesforce ID: a0LS90000079QL1MAM\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 70762838-dfd4-4964-a36f-8134ff7718a2, Salesforce ID: a0LS90000079QL2MAM","warnings":[]}	1795901843329	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:23.329254243Z","endedAt":"2026-11-28T21:37:23.404463907Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.342900666Z","elapsedMs":0},{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.343629794Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.355182034Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.355124798Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.366702406Z","elapsedMs":3},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.366774564Z","elapsedMs":4},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.378606962Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.378656916Z","elapsedMs":1}]	\N	\N	local	00-582a7fcfcda2b0ebed3211c2bf8f0efc-2a41ca8a48d57125-00
01a22417-6818-76a2-9023-aa0f6c908b2f	001SB0000000001YAA	0	ended	1795901843480	1795901843503	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"001SB0000000001YAA","syncRunId":"01a22417-6818-76a2-9023-aa0f6c908b2f","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: a11e802c-0501-48cf-98f3-54a57e0ef345","salesforceId":"001SB0000000001YAA","action":"unchanged","m3terId":"a11e802c-0501-48cf-98f3-54a57e0ef345","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: a11e802c-0501-48cf-98f3-54a57e0ef345, Salesforce ID: 001SB0000000001YAA","warnings":[]}	1795901843480	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:23.480085586Z","endedAt":"2026-11-28T21:37:23.503101184Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.486297922Z","elapsedMs":5},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.494587415Z","elapsedMs":3}]	\N	\N	local	00-f5f57dea13c24119e9cf3f63cbba8c08-8e78ea4741782599-00
01a22417-6830-746b-9491-0cbad8502e32	006SB0000000005YAA	0	ended	1795901843504	1795901843690	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"006SB0000000005YAA","syncRunId":"01a22417-6830-746b-9491-0cbad8502e32","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: a888498e-6ede-4934-8708-1fafcef812b7","salesforceId":"001SB0000000004YAA","action":"unchanged","m3terId":"a888498e-6ede-4934-8708-1fafcef812b7","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: 176f700f-5f8d-49da-9016-ee6780452ad9","salesforceId":"006SB0000000005YAA","action":"unchanged","m3terId":"176f700f-5f8d-49da-9016-ee6780452ad9","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: ca233a7d-e20f-43bf-8a9b-1781298fd05b","salesforceId":"006SB0000000005YAA","action":"unchanged","m3terId":"ca233a7d-e20f-43bf-8a9b-1781298fd05b","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 107ced37-20dc-43b1-843d-4451f3dcda85","salesforceId":"00kSB0000000006YAA","action":"unchanged","m3terId":"107ced37-20dc-43b1-843d-4451f3dcda85","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 2a8c13ee-55d4-4406-a83c-4b1bffe1e1b7","salesforceId":"00kSB0000000007YAA","action":"unchanged","m3terId":"2a8c13ee-55d4-4406-a83c-4b1bffe1e1b7","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: b0bbaecf-80f6-45d9-b1c1-250012fcdb21","salesforceId":"00kSB0000000006YAA","action":"unchanged","m3terId":"b0bbaecf-80f6-45d9-b1c1-250012fcdb21","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 32464c12-e440-462c-a869-6fc99bb1ac67","salesforceId":"00kSB0000000007YAA","action":"unchanged","m3terId":"32464c12-e440-462c-a869-6fc99bb1ac67","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 64d2982a-e1f3-4004-a6a8-e316daaca873","salesforceId":"00kSB0000000006YAA","action":"unchanged","m3terId":"64d2982a-e1f3-4004-a6a8-e316daaca873","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: b86379a6-83aa-44b6-b515-c1df9853295f","salesforceId":"00kSB0000000007YAA","action":"unchanged","m3terId":"b86379a6-83aa-44b6-b515-c1df9853295f","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: a888498e-6ede-4934-8708-1fafcef812b7, Salesforce ID: 001SB0000000004YAA\\nObject: Contract, Success: true, Message: m3ter Identifier: 176f700f-5f8d-49da-9016-ee6780452ad9, Salesforce ID: 006SB0000000005YAA\\nObject: Commitment, Success: true, Message: m3ter Identifier: ca233a7d-e20f-43bf-8a9b-1781298fd05b, Salesforce ID: 006SB0000000005YAA\\nObject: Plan, Success: true, Message: m3ter Identifier: 107ced37-20dc-43b1-843d-4451f3dcda85, Salesforce ID: 00kSB0000000006YAA\\nObject: Plan, Success: true, Message: m3ter Identifier: 2a8c13ee-55d4-4406-a83c-4b1bffe1e1b7, Salesforce ID: 00kSB0000000007YAA\\nObject: Pricing, Success: true, Message: m3ter Identifier: b0bbaecf-80f6-45d9-b1c1-250012fcdb21, Salesforce ID: 00kSB0000000006YAA\\nObject: Pricing, Success: true, Message: m3ter Identifier: 32464c12-e440-462c-a869-6fc99bb1ac67, Salesforce ID: 00kSB0000000007YAA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 64d2982a-e1f3-4004-a6a8-e316daaca873, Salesforce ID: 00kSB0000000006YAA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: b86379a6-83aa-44b6-b515-c1df9853295f, Salesforce ID: 00kSB0000000007YAA","warnings":[]}	1795901843504	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:23.504603855Z","endedAt":"2026-11-28T21:37:23.690313078Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.504931373Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.506607423Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.506640903Z","elapsedMs":3},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.510885374Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.510916149Z","elapsedMs":59},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.510918683Z","elapsedMs":59},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.571022037Z","elapsedMs":89},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.571013774Z","elapsedMs":90}]	\N	\N	local	00-c4e4d6534cd1e90b587000ae9da90691-aacee2ac71d8fef2-00
01a22417-6902-760b-8890-464034ee14c0	801SB0000000116YAA	0	ended	1795901843714	1795901843855	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"801SB0000000116YAA","syncRunId":"01a22417-6902-760b-8890-464034ee14c0","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: 09de8f09-e3b1-4f2b-95f1-0c2e208ae40b","salesforceId":"001SB0000000115YAA","action":"unchanged","m3terId":"09de8f09-e3b1-4f2b-95f1-0c2e208ae40b","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: b605e512-a9c1-49ac-aca9-8d1095cf470c","salesforceId":"801SB0000000116YAA","action":"unchanged","m3terId":"b605e512-a9c1-49ac-aca9-8d1095cf470c","warnings":[]},{"objectName":"Commitment","success":true,"message":"m3ter Identifier: 12e64d80-3c86-41f0-8991-a0db45f986bc","salesforceId":"801SB0000000116YAA","action":"unchanged","m3terId":"12e64d80-3c86-41f0-8991-a0db45f986bc","warnings":["The commitment is recorded as already paid; state `commitment_billing` in the mapping"]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 85ee302d-d845-4495-95a8-8718be2aeba4","salesforceId":"802SB0000000117YAA","action":"unchanged","m3terId":"85ee302d-d845-4495-95a8-8718be2aeba4","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 351e839d-2c99-416e-a58e-677749ffd09c","salesforceId":"802SB0000000118YAA","action":"unchanged","m3terId":"351e839d-2c99-416e-a58e-677749ffd09c","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 87ca687e-173a-4878-916f-f9a646980177","salesforceId":"802SB0000000117YAA","action":"unchanged","m3terId":"87ca687e-173a-4878-916f-f9a646980177","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 0b971f4c-3c07-43a0-a7e7-243d953bb3e7","salesforceId":"802SB0000000118YAA","action":"unchanged","m3terId":"0b971f4c-3c07-43a0-a7e7-243d953bb3e7","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: bc6bc5ef-75a7-4815-96f3-c0a8979fc710","salesforceId":"802SB0000000117YAA","action":"unchanged","m3terId":"bc6bc5ef-75a7-4815-96f3-c0a8979fc710","warnings":[]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: e225edf0-9d68-40ab-81d3-833787442b75","salesforceId":"802SB0000000118YAA","action":"unchanged","m3terId":"e225edf0-9d68-40ab-81d3-833787442b75","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: 09de8f09-e3b1-4f2b-95f1-0c2e208ae40b, Salesforce ID: 001SB0000000115YAA\\nObject: Contract, Success: true, Message: m3ter Identifier: b605e512-a9c1-49ac-aca9-8d1095cf470c, Salesforce ID: 801SB0000000116YAA\\nObject: Commitment, Success: true, Message: m3ter Identifier: 12e64d80-3c86-41f0-8991-a0db45f986bc, Salesforce ID: 801SB0000000116YAA\\nObject: Plan, Success: true, Message: m3ter Identifier: 85ee302d-d845-4495-95a8-8718be2aeba4, Salesforce ID: 802SB0000000117YAA\\nObject: Plan, Success: true, Message: m3ter Identifier: 351e839d-2c99-416e-a58e-677749ffd09c, Salesforce ID: 802SB0000000118YAA\\nObject: Pricing, Success: true, Message: m3ter Identifier: 87ca687e-173a-4878-916f-f9a646980177, Salesforce ID: 802SB0000000117YAA\\nObject: Pricing, Success: true, Message: m3ter Identifier: 0b971f4c-3c07-43a0-a7e7-243d953bb3e7, Salesforce ID: 802SB0000000118YAA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: bc6bc5ef-75a7-4815-96f3-c0a8979fc710, Salesforce ID: 802SB0000000117YAA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: e225edf0-9d68-40ab-81d3-833787442b75, Salesforce ID: 802SB0000000118YAA","warnings":[]}	1795901843714	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:23.714356308Z","endedAt":"2026-11-28T21:37:23.855254726Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.718996869Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.744236795Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.744147041Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.745932524Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.745914136Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListCommitments","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.745881868Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.747631668Z","elapsedMs":16},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.747638238Z","elapsedMs":102}]	\N	\N	local	00-d4a5d4af2909d50d7df03b87576c6242-840ff01c82a47e24-00
01a22417-69dd-757c-b222-e0abf78a58af	800SB0000000136YAA	0	ended	1795901843933	1795901844082	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"800SB0000000136YAA","syncRunId":"01a22417-69dd-757c-b222-e0abf78a58af","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: 76b5496e-66d1-47f6-88f4-50e59a506807","salesforceId":"001SB0000000135YAA","action":"unchanged","m3terId":"76b5496e-66d1-47f6-88f4-50e59a506807","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: 7687be62-0004-42c6-88e9-011503322194","salesforceId":"800SB0000000136YAA","action":"unchanged","m3terId":"7687be62-0004-42c6-88e9-011503322194","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: 867d1553-071e-4e7d-8904-fd053fe97f08","salesforceId":"a0SSB00000001372AA","action":"unchanged","m3terId":"867d1553-071e-4e7d-8904-fd053fe97f08","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 2cff6f34-0d59-4705-8d4e-5addeb9c8b60","salesforceId":"a0SSB00000001372AA","action":"unchanged","m3terId":"2cff6f34-0d59-4705-8d4e-5addeb9c8b60","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: 9dbc9751-2374-48b5-a8a7-0c7096dd3311","salesforceId":"a0SSB00000001372AA","action":"unchanged","m3terId":"9dbc9751-2374-48b5-a8a7-0c7096dd3311","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: 76b5496e-66d1-47f6-88f4-50e59a506807, Salesforce ID: 001SB0000000135YAA\\nObject: Contract, Success: true, Message: m3ter Identifier: 7687be62-0004-42c6-88e9-011503322194, Salesforce ID: 800SB0000000136YAA\\nObject: Plan, Success: true, Message: m3ter Identifier: 867d1553-071e-4e7d-8904-fd053fe97f08, Salesforce ID: a0SSB00000001372AA\\nObject: Pricing, Success: true, Message: m3ter Identifier: 2cff6f34-0d59-4705-8d4e-5addeb9c8b60, Salesforce ID: a0SSB00000001372AA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: 9dbc9751-2374-48b5-a8a7-0c7096dd3311, Salesforce ID: a0SSB00000001372AA","warnings":[]}	1795901843933	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:23.933076171Z","endedAt":"2026-11-28T21:37:24.08203042Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.934997076Z","elapsedMs":8},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.945532219Z","elapsedMs":12},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.943587889Z","elapsedMs":14},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.961406045Z","elapsedMs":0},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:23.961334718Z","elapsedMs":4},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.025480376Z","elapsedMs":1}]	\N	\N	local	00-0408798511f720bdea6a814bc5914eb0-e7b7e6208bf424a2-00
01a22417-6a74-777d-903f-9d1db695d5ad	a0QSB00000001512AA	0	ended	1795901844084	1795901844137	Completed	\N	{"success":true,"syncStatus":"Completed","message":"Sync process completed successfully","parentRecordId":"a0QSB00000001512AA","syncRunId":"01a22417-6a74-777d-903f-9d1db695d5ad","dryRun":false,"objectResults":[{"objectName":"Account","success":true,"message":"m3ter Identifier: b7efca13-2a6e-4969-893b-9baa7ee54df3","salesforceId":"001SB0000000150YAA","action":"unchanged","m3terId":"b7efca13-2a6e-4969-893b-9baa7ee54df3","warnings":[]},{"objectName":"Contract","success":true,"message":"m3ter Identifier: 401f3359-4a89-4189-b324-980861c13715","salesforceId":"a0QSB00000001512AA","action":"unchanged","m3terId":"401f3359-4a89-4189-b324-980861c13715","warnings":[]},{"objectName":"Plan","success":true,"message":"m3ter Identifier: c23ce947-b6b9-4365-a572-df060fd2f500","salesforceId":"a0LSB00000001522AA","action":"unchanged","m3terId":"c23ce947-b6b9-4365-a572-df060fd2f500","warnings":[]},{"objectName":"Pricing","success":true,"message":"m3ter Identifier: 51334810-5fb5-429f-8d47-5ede533e978e","salesforceId":"a0LSB00000001522AA","action":"unchanged","m3terId":"51334810-5fb5-429f-8d47-5ede533e978e","warnings":["There is no consumption schedule: the price is CPQ's net price, which is per unit sold and may be prorated, not per unit used"]},{"objectName":"AccountPlan","success":true,"message":"m3ter Identifier: ead6a390-988f-4689-b912-e09793962f26","salesforceId":"a0LSB00000001522AA","action":"unchanged","m3terId":"ead6a390-988f-4689-b912-e09793962f26","warnings":[]}],"concatenatedResults":"Object: Account, Success: true, Message: m3ter Identifier: b7efca13-2a6e-4969-893b-9baa7ee54df3, Salesforce ID: 001SB0000000150YAA\\nObject: Contract, Success: true, Message: m3ter Identifier: 401f3359-4a89-4189-b324-980861c13715, Salesforce ID: a0QSB00000001512AA\\nObject: Plan, Success: true, Message: m3ter Identifier: c23ce947-b6b9-4365-a572-df060fd2f500, Salesforce ID: a0LSB00000001522AA\\nObject: Pricing, Success: true, Message: m3ter Identifier: 51334810-5fb5-429f-8d47-5ede533e978e, Salesforce ID: a0LSB00000001522AA\\nObject: AccountPlan, Success: true, Message: m3ter Identifier: ead6a390-988f-4689-b912-e09793962f26, Salesforce ID: a0LSB00000001522AA","warnings":[]}	1795901844084	sync		01a22417-629e-747e-8e3c-304a18628100	1	0	0	[{"startedAt":"2026-11-28T21:37:24.084118204Z","endedAt":"2026-11-28T21:37:24.137033156Z","syncStatus":"Completed","message":"Sync process completed successfully"}]	[{"vendor":"Salesforce","operation":"Query","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.091902604Z","elapsedMs":3},{"vendor":"m3ter","operation":"ListContracts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.112294038Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListAccounts","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.112205195Z","elapsedMs":1},{"vendor":"m3ter","operation":"ListPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.127764071Z","elapsedMs":5},{"vendor":"m3ter","operation":"ListAccountPlans","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.127851331Z","elapsedMs":5},{"vendor":"m3ter","operation":"ListPricings","status":200,"outcome":"done","attempts":1,"startedAt":"2026-11-28T21:37:24.134095004Z","elapsedMs":1}]	\N	\N	local	00-8f394e6d89f1330a90cbbf0f0e2188b8-7ca009a6fe4620a2-00
\.


--
-- Data for Name: schema_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.schema_migrations (version, description, checksum, applied_at_ms) FROM stdin;
1	runs	eadb9f872c74db3c2aa43d631cf3cac94df8309e6129d781653b9004356f7cb6e1cbf56a25a5e05e1f2eb472e467094a	1795901842028
2	links	4061763beb3f77400be5fc038ecb5fd450d0b78445014f5e633902ef11e19dadf7738b8e336d2fc3163a7517ffb37647	1795901842055
3	claims	7fe596800ee75c2befd3db695901b14e6747660d53c1ca1cbce1cc04d6661a186729d9719b710ca0802930d75ba394e2	1795901842077
5	trace	06c5faf8cc821c9a8deceaeed083da3b043a43356c368b217a4b610fdcaee3fd500e92f59641bcb6042040b7145bca6b	1795901842077
6	links row	201ebd390d40ac0d1f605546ace80dbb0eeed47976d448080fb3f72ce38ac308f08b5962bd195a63ef16ff2ff775ec2b	1795901842077
7	run joiners	a6a75926a1aa89490d980853ff222840d1260cbb14f088534643b874ef8ac80972c562af6634aa923b392f40e16f8d32	1795901842078
8	open and failed runs	d4336834bec6be8747579b813d1e6d2e5f53053c254343894be2592b2f32e53620fe006ec262b4e00aee2740ab79cc72	1795901842078
\.


--
-- Name: commitment_attempts_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.commitment_attempts_sequence_seq', 1, false);


--
-- Name: commitment_attempts commitment_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commitment_attempts
    ADD CONSTRAINT commitment_attempts_pkey PRIMARY KEY (sequence);


--
-- Name: links links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (root, "row", kind, key);


--
-- Name: replicas replicas_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (id);


--
-- Name: run_joiners run_joiners_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_joiners
    ADD CONSTRAINT run_joiners_pkey PRIMARY KEY (run_id, name);


--
-- Name: run_object_results run_object_results_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_object_results
    ADD CONSTRAINT run_object_results_pkey PRIMARY KEY (run_id, "position");


--
-- Name: runs runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: commitment_attempts_root; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commitment_attempts_root ON public.commitment_attempts USING btree (root);


--
-- Name: commitment_attempts_run; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commitment_attempts_run ON public.commitment_attempts USING btree (run_id);


--
-- Name: links_m3ter_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX links_m3ter_id ON public.links USING btree (m3ter_id);


--
-- Name: links_row; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX links_row ON public.links USING btree ("row", kind);


--
-- Name: runs_ended; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_ended ON public.runs USING btree (ended_at_ms) WHERE (state = 'ended'::text);


--
-- Name: runs_failed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_failed ON public.runs USING btree (error_code, id) WHERE (error_code IS NOT NULL);


--
-- Name: runs_failed_last; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_failed_last ON public.runs USING btree (id) WHERE (sync_status = 'Failed'::text);


--
-- Name: runs_leased; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_leased ON public.runs USING btree (lease_until_ms) WHERE (state = 'running'::text);


--
-- Name: runs_of_record; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_of_record ON public.runs USING btree (parent_record_id, id);


--
-- Name: runs_one_running; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX runs_one_running ON public.runs USING btree (parent_record_id) WHERE ((state = 'running'::text) AND (dry_run = 0));


--
-- Name: runs_one_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX runs_one_waiting ON public.runs USING btree (parent_record_id, kind, parameters) WHERE ((state = 'waiting'::text) AND (dry_run = 0));


--
-- Name: runs_replays; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_replays ON public.runs USING btree (replay_of) WHERE (replay_of IS NOT NULL);


--
-- Name: runs_retrying; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_retrying ON public.runs USING btree (next_try_at_ms) WHERE (state = 'retrying'::text);


--
-- Name: runs_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_waiting ON public.runs USING btree (parent_record_id, id) WHERE ((state = 'waiting'::text) AND (dry_run = 0));


--
-- Name: commitment_attempts commitment_attempts_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commitment_attempts
    ADD CONSTRAINT commitment_attempts_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;


--
-- Name: run_joiners run_joiners_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_joiners
    ADD CONSTRAINT run_joiners_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;


--
-- Name: run_object_results run_object_results_run_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_object_results
    ADD CONSTRAINT run_object_results_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


